import type { Call } from "../../core/access/call.ts";
import type { Principal } from "../../core/access/principal.ts";
import { createKeyHash } from "../../core/limits/key.ts";
import { createLimiter } from "../../core/limits/limiter.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { CompiledPolicy } from "../../core/policy/compiled-policy.ts";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import { createJudge, limitsOf, type Judgement } from "../../core/policy/judge.ts";
import { printId } from "../../core/policy/policy.ts";
import { judgeBody } from "../../core/request/body.ts";
import { headersOf } from "../../core/request/headers.ts";
import { normalisePath } from "../../core/request/normalise.ts";
import { createRequestView, viewRequest } from "../../core/request/view.ts";
import { deny, type Verdict } from "../../core/verdict/verdict.ts";
import { compileCondition } from "../../platform/cel.ts";

/** A request as a client would send it. */
export interface DescribedRequest {
  readonly method: string;
  /** Path with query, as sent; normalised here as the proxy does it. */
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
  readonly principal: Principal;
  readonly sourceAddress: string;
}

export interface OfflineAnswer {
  readonly judgement: Judgement;
  /** What was judged; undefined when the request could not be read. */
  readonly call: Call | undefined;
}

/** Decides without proxy and network, with the same functions as the scorer. Limits count from one call to the next. */
export interface OfflineJudge {
  readonly policy: CompiledPolicy;
  decide(request: DescribedRequest, nowMs: number): OfflineAnswer;
}

/** Nobody can aim at the tables of a command that ends, so the key of their hash is no secret here. */
const seed = { first: 1, second: 2 } as const;

export function createOfflineJudge(effective: EffectivePolicy): OfflineJudge {
  const workload = printId(effective.workload.id);
  const policy = compilePolicy({ ...effective, workload, revision: "offline", canaryPath: "" }, compileCondition);
  const limiter = createLimiter(limitsOf(policy));
  const judge = createJudge(policy, { limiter, hash: createKeyHash(seed) });
  return {
    policy,
    decide(described, nowMs) {
      const refused = (verdict: Verdict): OfflineAnswer => ({
        judgement: { verdict, shadow: undefined },
        call: undefined,
      });
      const path = normalisePath(described.target);
      if ("problem" in path) return refused(deny("path-ambiguous", { detail: path.problem }));
      const request = createRequestView();
      const headers = headersOf(described.headers);
      const { method, host } = described;
      const problem = viewRequest({ method, target: path.path, authority: host, headers }, request);
      if (problem !== undefined) return refused(deny(problem.reason, { detail: problem.detail }));
      const bytes = described.body;
      const body = { bytes, size: bytes?.length ?? 0, contentType: headers.get("content-type") };
      const badBody = judgeBody(body, effective.guards);
      if (badBody !== undefined) return refused(deny(badBody.reason, { detail: badBody.detail }));
      const call: Call = { request, principal: described.principal, sourceAddress: described.sourceAddress };
      return { judgement: judge.judge(call, nowMs), call };
    },
  };
}
