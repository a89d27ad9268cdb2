import { cannotDecide, deny, throttle, type Verdict } from "../../core/verdict/verdict.ts";
import { reasons, type DenyReason, type ErrorReason, type Reason } from "../../core/verdict/reason.ts";
import type { AnsweredCall } from "../accesslog/intake.ts";
import type { Decision } from "./decision-record.ts";

/** Refusals of the proxy kept for `explain`; the oldest gives way. */
export const proxyRefusalsKept = 4_096;

/** Longest request id that is kept; Envoy's own have 36 characters. */
const requestIdMax = 64;

/** What proxies refused by themselves, by the request id that the caller was told. */
export class ProxyRefusals {
  readonly #byId = new Map<string, Decision>();

  /** Makes a decision of an answer that the proxy gave by itself; undefined when the application or we gave it. */
  take(call: AnsweredCall, nowMs: number): Decision | undefined {
    if (call.proxyReason === undefined) return undefined;
    const decision: Decision = {
      id: call.requestId.slice(0, requestIdMax),
      number: 0,
      by: "proxy",
      timeMs: nowMs,
      workload: call.workload,
      revision: "",
      mode: "enforce",
      method: call.method,
      judgement: { verdict: verdictOf(call.proxyReason), shadow: undefined },
      principalKind: "anonymous",
      principal: "",
      durationMs: 0,
      view: undefined,
      responseStatus: call.status,
    };
    // Some are refused before the proxy gives them an id: counted and logged, but nobody can ask for them.
    if (decision.id !== "") this.#keep(decision);
    return decision;
  }

  find(id: string): Decision | undefined {
    return this.#byId.get(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  #keep(decision: Decision): void {
    if (this.#byId.size >= proxyRefusalsKept) {
      const [oldest = ""] = this.#byId.keys();
      this.#byId.delete(oldest);
    }
    this.#byId.set(decision.id, decision);
  }
}

function verdictOf(reason: Reason): Verdict {
  const { kind } = reasons[reason];
  if (kind === "throttle") return throttle(1);
  return kind === "error" ? cannotDecide(reason as ErrorReason) : deny(reason as DenyReason);
}
