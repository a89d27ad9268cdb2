import { KubeError, statusError } from "../../operator/kube/error.ts";
import type { KubeRequest, KubeTransport } from "../../operator/kube/transport.ts";
import type { Json } from "./json.ts";
import type { FakeStore } from "./store.ts";

/** What a test does to a request before or after it has reached the store; a throw is what the caller gets. */
export interface Between {
  before?(request: KubeRequest): Promise<void> | void;
  after?(request: KubeRequest): Promise<void> | void;
}

/** Reaches a store without a network, so that a test owns all time. It has no watches. */
export function storeTransport(store: FakeStore, between: Between = {}): KubeTransport {
  return {
    request: async (request) => {
      await between.before?.(request);
      const body = request.body === undefined ? undefined : (JSON.parse(JSON.stringify(request.body)) as Json);
      const { method, path, query = {}, contentType = "application/json" } = request;
      const answer = store.call({ method, path, query, body, contentType });
      await between.after?.(request);
      if (answer.status >= 300) throw statusError(`${method} ${path}`, answer.status, answer.body);
      return answer.body;
    },
    watch: async () => {
      throw new KubeError({ code: "other", status: 0, reason: "NoWatch", message: "no watches here" });
    },
    close: () => {},
  };
}

/** What a request meets when nobody is there. */
export function unreachable(): KubeError {
  return new KubeError({ code: "unavailable", status: 0, reason: "ECONNREFUSED", message: "nobody is there" });
}
