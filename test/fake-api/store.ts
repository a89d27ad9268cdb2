import { parseAddress, type ApiAddress } from "./address.ts";
import { isObject, isSame, mergePatched, type Json, type JsonObject } from "./json.ts";
import { applied, updated, type Owners } from "./ownership.ts";
import { isSelected } from "./selector.ts";
import { Refusal, type ApiAnswer } from "./status.ts";

export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Json | undefined;
  readonly contentType: string;
}

/** Something that happened to an object. */
export interface Change {
  readonly version: number;
  readonly resource: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

interface Stored {
  readonly object: JsonObject;
  readonly owners: Owners;
}

/** Who a token belongs to, for TokenReview. */
export interface TokenOwner {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly audiences: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Resources whose status is only written through `/status`. */
const groupsWithStatus = /^(?:picket\.dev|apps|policy)\//;

/** The objects of a fake API server and what its verbs do to them. No network, no time but the one it is given. */
export class FakeStore {
  readonly tokens = new Map<string, TokenOwner>();
  /** Calls that changed nothing yet, in their order, of all resources. */
  readonly #changes: Change[] = [];
  readonly #resources = new Map<string, Map<string, Stored>>();
  readonly #kinds = new Map<string, string>();
  readonly #pages = new Map<string, { readonly rest: readonly JsonObject[]; readonly version: number }>();
  readonly #now: () => number;
  readonly #listeners = new Set<(change: Change) => void>();
  #version = 1_000;
  #oldest = 1_000;
  #serial = 0;

  constructor(now: () => number = () => Date.now()) {
    this.#now = now;
  }

  get version(): number {
    return this.#version;
  }

  /** Answers one request; never throws. */
  call(call: ApiCall): ApiAnswer {
    try {
      const address = parseAddress(call.path);
      if (address === undefined) throw new Refusal(404, "NotFound", "the server could not find the requested resource");
      return this.#answer(call, address);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /** What happened to a resource since a version; a Refusal when nobody knows any more. */
  since(address: ApiAddress, version: number): readonly Change[] {
    if (version < this.#oldest) throw new Refusal(410, "Expired", `too old resource version: ${version}`);
    return this.#changes.filter((change) => change.version > version && change.resource === resourceKey(address));
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets the history, as etcd does after a compaction; pages of lists too. */
  compact(): void {
    this.#version++;
    this.#oldest = this.#version;
    this.#changes.length = 0;
    this.#pages.clear();
  }

  /** Forgets only the pages of lists that nobody has read yet. */
  expirePages(): void {
    this.#pages.clear();
  }

  /** All objects of a resource, by `namespace/name`. */
  all(path: string): ReadonlyMap<string, JsonObject> {
    const address = parseAddress(path);
    const stored = address === undefined ? undefined : this.#resources.get(resourceKey(address));
    return new Map([...(stored ?? [])].map(([key, { object }]) => [key, object]));
  }

  /** What a watch from nowhere begins with. */
  selected(address: ApiAddress, query: Readonly<Record<string, string>>): readonly JsonObject[] {
    return [...(this.#resources.get(resourceKey(address))?.values() ?? [])]
      .map(({ object }) => object)
      .filter((object) => isWatched(object, address, query))
      .toSorted((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
  }

  kindOf(address: ApiAddress): string {
    return this.#kinds.get(resourceKey(address)) ?? "Thing";
  }

  #answer(call: ApiCall, address: ApiAddress): ApiAnswer {
    if (address.resource === "tokenreviews" && call.method === "POST") return this.#review(call);
    const isOne = address.name !== undefined;
    switch (call.method) {
      case "GET":
        return isOne ? { status: 200, body: this.#held(address).object } : this.#list(call, address);
      case "POST":
        return { status: 201, body: this.#create(address, objectIn(call)) };
      case "PUT":
        return { status: 200, body: this.#update(address, objectIn(call), call) };
      case "PATCH":
        return this.#patch(address, call);
      case "DELETE":
        return { status: 200, body: this.#delete(address, call.body) };
      default:
        throw new Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    }
  }

  #list({ query }: ApiCall, address: ApiAddress): ApiAnswer {
    const page = query.continue === undefined ? undefined : this.#pages.get(query.continue);
    if (query.continue !== undefined && page === undefined) {
      throw new Refusal(410, "Expired", "The provided continue parameter is too old");
    }
    const version = page?.version ?? this.#version;
    const rest = page?.rest ?? this.selected(address, query);
    const limit = query.limit === undefined ? rest.length : Number(query.limit);
    const metadata: Record<string, Json> = { resourceVersion: String(version) };
    if (rest.length > limit) {
      const token = `page-${++this.#serial}`;
      this.#pages.set(token, { rest: rest.slice(limit), version });
      metadata.continue = token;
    }
    const kind = `${this.kindOf(address)}List`;
    return { status: 200, body: { kind, apiVersion: address.apiVersion, metadata, items: rest.slice(0, limit) } };
  }

  #create(address: ApiAddress, given: JsonObject): JsonObject {
    const metadata = isObject(given.metadata) ? given.metadata : {};
    const made = typeof metadata.generateName === "string" ? `${metadata.generateName}${++this.#serial}` : undefined;
    const name = metadata.name ?? made;
    if (typeof name !== "string" || name === "") throw new Refusal(422, "Invalid", "metadata.name: Required value");
    if (metadata.resourceVersion !== undefined) {
      throw new Refusal(400, "BadRequest", "resourceVersion should not be set on objects to be created");
    }
    const key = keyIn(address, name);
    if (this.#of(address).has(key)) throw new Refusal(409, "AlreadyExists", `"${name}" already exists`);
    const object = { ...given, metadata: this.#newMetadata({ ...metadata, name }, address) };
    return this.#put(address, key, undefined, { object, owners: updated({}, new Map(), object, "unknown") });
  }

  #newMetadata(metadata: JsonObject, address: ApiAddress): JsonObject {
    return {
      ...metadata,
      ...(address.namespace === undefined ? {} : { namespace: address.namespace }),
      uid: `uid-${++this.#serial}`,
      generation: 1,
      creationTimestamp: new Date(this.#now()).toISOString().replace(/\.\d+Z/, "Z"),
    };
  }

  #update(address: ApiAddress, given: JsonObject, { query }: ApiCall): JsonObject {
    const held = this.#held(address);
    const live = held.object;
    const liveMetadata = metadataOf(live);
    const metadata = isObject(given.metadata) ? given.metadata : {};
    const { resourceVersion, uid } = metadata;
    if (resourceVersion !== undefined && resourceVersion !== liveMetadata.resourceVersion) {
      throw new Refusal(
        409,
        "Conflict",
        "the object has been modified; please apply your changes to the latest version",
      );
    }
    if (uid !== undefined && uid !== liveMetadata.uid) throw new Refusal(409, "Conflict", "Precondition failed: UID");
    const object = this.#admitted(address, live, {
      ...given,
      metadata: { ...metadata, ...serverFields(liveMetadata) },
    });
    const owners = updated(live, held.owners, object, query.fieldManager ?? "unknown");
    return this.#put(address, objectKey(live), held, { object, owners });
  }

  #patch(address: ApiAddress, call: ApiCall): ApiAnswer {
    const patch = call.body;
    if (!isObject(patch)) throw new Refusal(400, "BadRequest", "the patch is no object");
    if (call.contentType === "application/apply-patch+yaml") return this.#apply(address, patch, call);
    if (call.contentType !== "application/merge-patch+json") {
      throw new Refusal(415, "UnsupportedMediaType", `the body of the request was in an unknown format`);
    }
    const given = mergePatched(this.#held(address).object, patch) as JsonObject;
    const hasVersion = isObject(patch.metadata) && patch.metadata.resourceVersion !== undefined;
    const { resourceVersion: _version, ...metadata } = metadataOf(given);
    return { status: 200, body: this.#update(address, hasVersion ? given : { ...given, metadata }, call) };
  }

  #apply(address: ApiAddress, patch: JsonObject, { query }: ApiCall): ApiAnswer {
    const manager = query.fieldManager;
    if (manager === undefined) throw new Refusal(422, "Invalid", "fieldManager: Required value");
    const metadata = metadataOf(patch);
    const held = this.#of(address).get(keyIn(address, address.name ?? ""));
    const options = { manager: `${manager}${address.subresource ?? ""}`, force: query.force === "true" };
    if (held === undefined) {
      if (address.subresource !== undefined) throw new Refusal(404, "NotFound", `"${address.name}" not found`);
      if (metadata.resourceVersion !== undefined || metadata.uid !== undefined) {
        throw new Refusal(409, "Conflict", "the object to be applied does not exist");
      }
      const base = { apiVersion: patch.apiVersion!, kind: patch.kind!, metadata: this.#newMetadata(metadata, address) };
      const { object, owners } = applied(base, new Map(), patch, options);
      return {
        status: 201,
        body: this.#put(address, keyIn(address, address.name ?? ""), undefined, { object, owners }),
      };
    }
    const live = metadataOf(held.object);
    if (metadata.uid !== undefined && metadata.uid !== live.uid) {
      throw new Refusal(409, "Conflict", "Precondition failed: UID");
    }
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== live.resourceVersion) {
      throw new Refusal(409, "Conflict", "the object has been modified");
    }
    const { object, owners } = applied(held.object, held.owners, patch, options);
    const admitted = this.#admitted(address, held.object, object);
    return { status: 200, body: this.#put(address, objectKey(held.object), held, { object: admitted, owners }) };
  }

  /** A write of the object leaves its status alone, one of the status everything else. */
  #admitted(address: ApiAddress, live: JsonObject, given: JsonObject): JsonObject {
    if (address.subresource === "status")
      return { ...live, ...(given.status === undefined ? {} : { status: given.status }) };
    const { status: givenStatus, ...rest } = given;
    const status = groupsWithStatus.test(address.apiVersion) ? live.status : givenStatus;
    const object = status === undefined ? rest : { ...rest, status };
    const generation = Number(metadataOf(live).generation) + (isSame(live.spec, given.spec) ? 0 : 1);
    return { ...object, metadata: { ...metadataOf(given), generation } };
  }

  #delete(address: ApiAddress, options: Json | undefined): JsonObject {
    const held = this.#held(address);
    const metadata = metadataOf(held.object);
    const preconditions = isObject(options) && isObject(options.preconditions) ? options.preconditions : {};
    if (preconditions.uid !== undefined && preconditions.uid !== metadata.uid) {
      throw new Refusal(409, "Conflict", "Precondition failed: UID");
    }
    const { finalizers } = metadata;
    if (Array.isArray(finalizers) && finalizers.length > 0) {
      const object = {
        ...held.object,
        metadata: { ...metadata, deletionTimestamp: new Date(this.#now()).toISOString() },
      };
      return this.#put(address, objectKey(held.object), held, { ...held, object });
    }
    this.#of(address).delete(objectKey(held.object));
    const gone = { ...held.object, metadata: { ...metadata, resourceVersion: String(++this.#version) } };
    this.#publish(
      { version: this.#version, resource: resourceKey(address), before: held.object, after: undefined },
      gone,
    );
    return gone;
  }

  #review({ body }: ApiCall): ApiAnswer {
    const spec = isObject(body) && isObject(body.spec) ? body.spec : {};
    const owner = typeof spec.token === "string" ? this.tokens.get(spec.token) : undefined;
    const asked = Array.isArray(spec.audiences) ? spec.audiences : undefined;
    const audiences = owner?.audiences.filter((audience) => asked?.includes(audience) ?? true) ?? [];
    const isKnown = owner !== undefined && audiences.length > 0;
    const { username = "", uid = "", groups = [], extra = {} } = owner ?? {};
    const status: JsonObject = isKnown
      ? { authenticated: true, audiences, user: { username, uid, groups, extra } }
      : { authenticated: false, error: "invalid bearer token" };
    return { status: 201, body: { kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", spec, status } };
  }

  #held(address: ApiAddress): Stored {
    const held = this.#of(address).get(keyIn(address, address.name ?? ""));
    if (held === undefined) throw new Refusal(404, "NotFound", `${address.resource} "${address.name}" not found`);
    return held;
  }

  #of(address: ApiAddress): Map<string, Stored> {
    const key = resourceKey(address);
    const known = this.#resources.get(key) ?? new Map<string, Stored>();
    this.#resources.set(key, known);
    return known;
  }

  /** Keeps an object under a new version, unless nothing differs. */
  #put(address: ApiAddress, key: string, held: Stored | undefined, next: Stored): JsonObject {
    if (held !== undefined && isSame(held.object, next.object)) {
      this.#of(address).set(key, { object: held.object, owners: next.owners });
      return held.object;
    }
    const version = ++this.#version;
    const object: JsonObject = {
      ...next.object,
      metadata: { ...metadataOf(next.object), resourceVersion: String(version) },
    };
    const { finalizers, deletionTimestamp } = metadataOf(object);
    if (typeof object.kind === "string") this.#kinds.set(resourceKey(address), object.kind);
    const isGone = deletionTimestamp !== undefined && (!Array.isArray(finalizers) || finalizers.length === 0);
    if (isGone) this.#of(address).delete(key);
    else this.#of(address).set(key, { object, owners: next.owners });
    const after = isGone ? undefined : object;
    this.#publish({ version, resource: resourceKey(address), before: held?.object, after }, object);
    return object;
  }

  /** A deletion is told with the version that it has itself. */
  #publish(change: Change, last: JsonObject): void {
    const told = change.after === undefined ? { ...change, before: last } : change;
    this.#changes.push(told);
    for (const listener of this.#listeners) listener(told);
  }
}

/** Whether a watch or list of that address means the object. */
export function isWatched(object: JsonObject, address: ApiAddress, query: Readonly<Record<string, string>>): boolean {
  const { namespace } = metadataOf(object);
  return (address.namespace === undefined || address.namespace === namespace) && isSelected(object, query);
}

export function resourceKey(address: ApiAddress): string {
  return `${address.apiVersion}/${address.resource}`;
}

function keyIn(address: ApiAddress, name: string): string {
  return address.namespace === undefined ? name : `${address.namespace}/${name}`;
}

function objectKey(object: JsonObject): string {
  const { namespace, name } = metadataOf(object);
  const parts = [namespace, name].filter((part) => typeof part === "string");
  return parts.join("/");
}

function metadataOf(object: JsonObject): JsonObject {
  return isObject(object.metadata) ? object.metadata : {};
}

/** What the server keeps, whatever a write says. */
function serverFields(metadata: JsonObject): JsonObject {
  const fields = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
  ];
  return Object.fromEntries(
    fields.flatMap((field) => (metadata[field] === undefined ? [] : [[field, metadata[field]]])),
  );
}

function objectIn(call: ApiCall): JsonObject {
  if (!isObject(call.body)) throw new Refusal(400, "BadRequest", "the body is no object");
  return call.body;
}
