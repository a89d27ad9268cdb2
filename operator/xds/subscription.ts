import type { DeltaAnswer, ServedResource } from "./resource-set.ts";

/** Names that one stream may subscribe to per type; more end the stream. */
export const namesPerTypeMax = 50_000;

/** Characters of one name and of one version; more end the stream. Ours are far shorter. */
export const nameCharactersMax = 1_024;
export const versionCharactersMax = 64;

/** Characters of all names and versions that one stream may have us keep of one type; more end it. */
export const namesCharactersMax = 4 << 20;

/** Aim for the size of one answer. A larger change goes out in several, each after the ACK of the one before. */
export const answerBytesMax = 2 << 20;

/** Characters kept of a refusal: Envoy's text may echo the whole resource. */
export const refusalCharactersMax = 300;

/** What a client says about one type, already decoded. */
export interface SubscriptionChange {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: Readonly<Record<string, string>>;
}

export interface Refusal {
  readonly version: string;
  readonly message: string;
}

interface Outstanding {
  readonly nonce: string;
  readonly resources: readonly ServedResource[];
}

export type Settled =
  | { readonly kind: "accepted" | "rejected"; readonly resources: readonly ServedResource[] }
  | { readonly kind: "stale" };

/**
 * What one client knows of one type: subscribed, sent, accepted, refused. One answer is outstanding at a time; changes
 * meanwhile coalesce, because the next answer is the difference to whatever is published then.
 */
export class TypeSubscription {
  readonly typeUrl: string;
  readonly accepted = new Map<string, string>();
  readonly rejected = new Map<string, Refusal>();
  readonly #names = new Set<string>();
  readonly #sent = new Map<string, string>();
  /** Subscribed by name and not answered yet: an absent one must be said to be absent. */
  readonly #owed = new Set<string>();
  /** Names of a refused answer, to be sent one by one: the good ones must not suffer from the bad one. */
  #alone: string[] = [];
  #characters = 0;
  #isWildcard = false;
  #isFirst = true;
  #owesFirstAnswer = false;
  #outstanding: Outstanding | undefined;
  #doneWith: ReadonlyMap<string, ServedResource> | undefined;

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  get isWaiting(): boolean {
    return this.#outstanding !== undefined;
  }

  /** True when the client has been sent all of this, and has answered. */
  isDone(published: ReadonlyMap<string, ServedResource>): boolean {
    return !this.isWaiting && this.#doneWith === published;
  }

  /** Takes over what the client asks for. False when it asks for too much. */
  change(change: SubscriptionChange): boolean {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!this.#fits(change, isFirst)) return false;
    if (isFirst) {
      // Only an empty first request means everything; later an empty list is no change.
      this.#isWildcard = change.subscribe.length === 0 || change.subscribe.includes("*");
      const known = Object.entries(change.initialVersions);
      if (known.length > namesPerTypeMax) return false;
      this.#owesFirstAnswer = this.#isWildcard && known.length === 0;
      for (const [name, version] of known) {
        this.#sent.set(name, version);
        this.accepted.set(name, version);
      }
    }
    for (const name of change.subscribe) {
      if (name === "*") {
        this.#isWildcard = true;
        continue;
      }
      this.#names.add(name);
      if (isFirst && this.#sent.has(name)) continue;
      // The client may have dropped it meanwhile, so a repeated subscription is answered again.
      this.#sent.delete(name);
      this.#owed.add(name);
    }
    for (const name of change.unsubscribe) {
      if (name === "*") this.#isWildcard = false;
      this.#names.delete(name);
      this.#owed.delete(name);
      if (!this.#wants(name)) this.#forget(name);
    }
    if (isFirst || change.subscribe.length > 0 || change.unsubscribe.length > 0) this.#doneWith = undefined;
    return this.#names.size <= namesPerTypeMax;
  }

  /** What is kept of a client is bounded in characters too. What it takes back is not given back: it may come anew. */
  #fits({ subscribe, initialVersions }: SubscriptionChange, isFirst: boolean): boolean {
    const known = isFirst ? Object.entries(initialVersions) : [];
    for (const name of subscribe) {
      if (name.length > nameCharactersMax) return false;
      if (!this.#names.has(name)) this.#characters += name.length;
    }
    for (const [name, version] of known) {
      if (name.length > nameCharactersMax || version.length > versionCharactersMax) return false;
      this.#characters += name.length + version.length;
    }
    return this.#characters <= namesCharactersMax;
  }

  /** Takes an ACK, or with a message a NACK. An answer to anything but the outstanding nonce is stale and ignored. */
  settle(nonce: string, refusal: string | undefined): Settled {
    const answered = this.#outstanding;
    if (answered === undefined || answered.nonce !== nonce) return { kind: "stale" };
    this.#outstanding = undefined;
    this.#doneWith = undefined;
    const { resources } = answered;
    if (refusal === undefined) {
      for (const { name, version } of resources) {
        if (!this.#wants(name)) continue;
        this.accepted.set(name, version);
        this.rejected.delete(name);
      }
      return { kind: "accepted", resources };
    }
    if (resources.length > 1) this.#alone.push(...resources.map(({ name }) => name));
    else for (const { name, version } of resources) this.rejected.set(name, { version, message: cutRefusal(refusal) });
    return { kind: "rejected", resources };
  }

  /** The next answer, or undefined when there is nothing to say or the last one is not answered yet. */
  next(
    published: ReadonlyMap<string, ServedResource>,
    options: { readonly nonce: () => string; readonly mayRemove: boolean },
  ): DeltaAnswer | undefined {
    if (this.isWaiting || this.#doneWith === published) return undefined;
    const alone = this.#nextAlone(published);
    const { resources, isWhole } =
      alone === undefined ? this.#changed(published) : { resources: [alone], isWhole: false };
    const removed = alone === undefined && options.mayRemove ? this.#gone(published) : [];
    if (resources.length === 0 && removed.length === 0 && !this.#owesFirstAnswer) {
      if (options.mayRemove && isWhole) this.#doneWith = published;
      return undefined;
    }
    this.#owesFirstAnswer = false;
    for (const { name, version } of resources) {
      this.#sent.set(name, version);
      this.#owed.delete(name);
    }
    for (const name of removed) {
      this.#forget(name);
      this.#owed.delete(name);
    }
    const nonce = options.nonce();
    this.#outstanding = { nonce, resources };
    return { typeUrl: this.typeUrl, nonce, resources, removed };
  }

  #wants(name: string): boolean {
    return this.#isWildcard || this.#names.has(name);
  }

  #forget(name: string): void {
    this.#sent.delete(name);
    this.accepted.delete(name);
    this.rejected.delete(name);
  }

  #nextAlone(published: ReadonlyMap<string, ServedResource>): ServedResource | undefined {
    for (let name = this.#alone.pop(); name !== undefined; name = this.#alone.pop()) {
      const resource = published.get(name);
      // A newer version goes out with the ordinary difference.
      if (resource !== undefined && this.#wants(name) && this.#sent.get(name) === resource.version) return resource;
    }
    return undefined;
  }

  #changed(published: ReadonlyMap<string, ServedResource>): { resources: ServedResource[]; isWhole: boolean } {
    const resources: ServedResource[] = [];
    let bytes = 0;
    const names = this.#isWildcard ? published.keys() : this.#names;
    for (const name of names) {
      const resource = published.get(name);
      if (resource === undefined || this.#sent.get(name) === resource.version) continue;
      if (resources.length > 0 && bytes + resource.entry.length > answerBytesMax) return { resources, isWhole: false };
      bytes += resource.entry.length;
      resources.push(resource);
    }
    return { resources, isWhole: true };
  }

  #gone(published: ReadonlyMap<string, ServedResource>): string[] {
    const gone = new Set<string>();
    for (const name of this.#sent.keys()) if (!published.has(name)) gone.add(name);
    for (const name of this.#owed) if (!published.has(name)) gone.add(name);
    return [...gone];
  }
}

/** What may be the key of a proxy, which stands in listeners and routes (docs/decisions/0010). */
const keyLike = /(?<![\w-])[\w-]{43}(?![\w-])/g;

/** Characters of a refusal that are looked at. */
const readCharactersMax = 2_000;

/** One line, cut, and without keys: it goes into logs, and into a status that more people may read than the configuration. */
export function cutRefusal(message: string): string {
  // A word that is cut may be the beginning of a key.
  const start = message
    .slice(0, readCharactersMax)
    .replace(message.length > readCharactersMax ? /[\w-]{1,42}$/ : "", "");
  const line = start
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(keyLike, "[redacted]")
    .trim();
  return line.length > refusalCharactersMax ? `${line.slice(0, refusalCharactersMax)}…` : line;
}
