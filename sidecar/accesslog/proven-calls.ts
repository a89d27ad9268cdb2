import type { PolicyStore } from "../policies/store.ts";
import type { AnsweredCall } from "./intake.ts";

export interface ProvenCallsOptions {
  readonly policies: Pick<PolicyStore, "get" | "demandsProof">;
  readonly take: (call: AnsweredCall) => void;
  /** Counts an entry that no proxy of its workload sent. */
  readonly dropped: () => void;
}

/** Lets through only what proxies of the named workload tell. Where policies demand no proof, everything. */
export function provenCalls({ policies, take, dropped }: ProvenCallsOptions): (call: AnsweredCall) => void {
  return (call) => {
    if (policies.demandsProof) {
      const key = Buffer.from(call.proxyKey, "latin1");
      const isProven = policies.get(call.workload)?.proof.proves(key, 0, key.length) === true;
      if (!isProven) return dropped();
    }
    take(call);
  };
}
