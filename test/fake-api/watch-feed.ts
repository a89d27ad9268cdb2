import type { Timers } from "../../operator/kube/timers.ts";
import type { ApiAddress } from "./address.ts";
import { isObject, type JsonObject } from "./json.ts";
import { Refusal, statusAnswer } from "./status.ts";
import { isWatched, resourceKey, type Change, type FakeStore } from "./store.ts";

/** Where a watch sends its bytes. */
export interface Sink {
  write(bytes: string | Buffer): void;
  end(): void;
  /** Resets the connection. */
  reset(): void;
}

export interface WatchCall {
  readonly path: string;
  readonly address: ApiAddress;
  readonly query: Readonly<Record<string, string>>;
}

/** One watch that a client has open. */
export class WatchFeed {
  readonly path: string;
  readonly #store: FakeStore;
  readonly #call: WatchCall;
  readonly #sink: Sink;
  readonly #timers: Timers;
  #cancel: () => void = () => {};
  #unsubscribe: () => void = () => {};

  constructor(store: FakeStore, call: WatchCall, sink: Sink, timers: Timers) {
    this.#store = store;
    this.path = call.path;
    this.#call = call;
    this.#sink = sink;
    this.#timers = timers;
  }

  /** Sends what is there or has happened since, then all that happens, until the time that the client named is over. */
  start(): void {
    const { address, query } = this.#call;
    const { resourceVersion, timeoutSeconds = "1800" } = query;
    if (resourceVersion === undefined || resourceVersion === "" || resourceVersion === "0") {
      for (const object of this.#store.selected(address, query)) this.#send("ADDED", object);
    } else {
      try {
        for (const change of this.#store.since(address, Number(resourceVersion))) this.#tell(change);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#send("ERROR", error.answer.body);
        this.end();
        return;
      }
    }
    this.#unsubscribe = this.#store.subscribe((change) => this.#tell(change));
    this.#cancel = this.#timers.after(Number(timeoutSeconds) * 1000, () => this.end());
  }

  bookmark(): void {
    const { address, query } = this.#call;
    if (query.allowWatchBookmarks !== "true") return;
    const metadata = { resourceVersion: String(this.#store.version) };
    this.#send("BOOKMARK", { kind: this.#store.kindOf(address), apiVersion: address.apiVersion, metadata });
  }

  /** An ERROR event, as the server sends it inside a stream. */
  error(status: number, reason: string): void {
    this.#send("ERROR", statusAnswer(status, reason, "a fault of the test").body);
  }

  /** Bytes as they are. */
  raw(bytes: string | Buffer): void {
    this.#sink.write(bytes);
  }

  end(): void {
    this.stall();
    this.#sink.end();
  }

  reset(): void {
    this.stall();
    this.#sink.reset();
  }

  /** Nothing is sent any more, and the connection stays. */
  stall(): void {
    this.#unsubscribe();
    this.#cancel();
  }

  /** An object that no longer is, or is now, what the selectors mean is told as gone or as new. */
  #tell({ resource, before, after, version }: Change): void {
    const { address, query } = this.#call;
    if (resource !== resourceKey(address)) return;
    const was = before !== undefined && isWatched(before, address, query);
    const is = after !== undefined && isWatched(after, address, query);
    if (is) this.#send(was ? "MODIFIED" : "ADDED", after);
    else if (was) this.#send("DELETED", withVersion(before, version));
  }

  #send(type: string, object: JsonObject): void {
    this.#sink.write(`${JSON.stringify({ type, object })}\n`);
  }
}

function withVersion(object: JsonObject, version: number): JsonObject {
  const metadata = isObject(object.metadata) ? object.metadata : {};
  return { ...object, metadata: { ...metadata, resourceVersion: String(version) } };
}
