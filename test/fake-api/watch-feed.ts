import type { ServerResponse } from "node:http";
import type { ApiAddress } from "./address.ts";
import { isObject, type JsonObject } from "./json.ts";
import { Refusal, statusAnswer } from "./status.ts";
import { isWatched, resourceKey, type Change, type FakeStore } from "./store.ts";

/** One watch that a client has open. */
export class WatchFeed {
  readonly path: string;
  readonly #store: FakeStore;
  readonly #address: ApiAddress;
  readonly #query: Readonly<Record<string, string>>;
  readonly #response: ServerResponse;
  /** Resets the connection. */
  readonly reset: () => void;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => {};

  constructor(
    store: FakeStore,
    call: { path: string; address: ApiAddress; query: Readonly<Record<string, string>> },
    response: ServerResponse,
    reset: () => void,
  ) {
    this.#store = store;
    this.path = call.path;
    this.#address = call.address;
    this.#query = call.query;
    this.#response = response;
    this.reset = reset;
  }

  /** Sends what is there or has happened since, then all that happens, until the time that the client named is over. */
  start(closed: () => void): void {
    const { resourceVersion, timeoutSeconds = "1800" } = this.#query;
    this.#response.writeHead(200, { "content-type": "application/json" });
    this.#response.flushHeaders();
    this.#response.on("close", () => {
      clearTimeout(this.#timer);
      this.#unsubscribe();
      closed();
    });
    if (resourceVersion === undefined || resourceVersion === "" || resourceVersion === "0") {
      for (const object of this.#store.selected(this.#address, this.#query)) this.#send("ADDED", object);
    } else {
      try {
        for (const change of this.#store.since(this.#address, Number(resourceVersion))) this.#tell(change);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#send("ERROR", error.answer.body);
        this.end();
        return;
      }
    }
    this.#unsubscribe = this.#store.subscribe((change) => this.#tell(change));
    this.#timer = setTimeout(
      () => {
        this.bookmark();
        this.end();
      },
      Number(timeoutSeconds) * 1000,
    );
  }

  bookmark(): void {
    if (this.#query.allowWatchBookmarks !== "true") return;
    const { apiVersion } = this.#address;
    const metadata = { resourceVersion: String(this.#store.version) };
    this.#send("BOOKMARK", { kind: this.#store.kindOf(this.#address), apiVersion, metadata });
  }

  /** An ERROR event, as the server sends it inside a stream. */
  error(status: number, reason: string): void {
    this.#send("ERROR", statusAnswer(status, reason, "a fault of the test").body);
  }

  /** Bytes as they are. */
  raw(bytes: string | Buffer): void {
    this.#response.write(bytes);
  }

  end(): void {
    this.#unsubscribe();
    this.#response.end();
  }

  /** Nothing is sent any more, and the connection stays. */
  stall(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  /** An object that no longer is, or is now, what the selectors mean is told as gone or as new. */
  #tell({ resource, before, after, version }: Change): void {
    if (resource !== resourceKey(this.#address)) return;
    const was = before !== undefined && isWatched(before, this.#address, this.#query);
    const is = after !== undefined && isWatched(after, this.#address, this.#query);
    if (is) this.#send(was ? "MODIFIED" : "ADDED", after);
    else if (was) this.#send("DELETED", withVersion(before, version));
  }

  #send(type: string, object: JsonObject): void {
    this.#response.write(`${JSON.stringify({ type, object })}\n`);
  }
}

function withVersion(object: JsonObject, version: number): JsonObject {
  const metadata = isObject(object.metadata) ? object.metadata : {};
  return { ...object, metadata: { ...metadata, resourceVersion: String(version) } };
}
