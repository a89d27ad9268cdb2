import { createJudge, limitsOf, type Judge } from "../../core/policy/judge.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { createKeyHash, type KeySeed } from "../../core/limits/key.ts";
import { createLimiter, limiterGrownBytes, type Limiter } from "../../core/limits/limiter.ts";
import { createGrowthBudget } from "../../core/limits/table.ts";
import { checkWhen, compileCondition } from "../../platform/cel.ts";
import { ProxyProof } from "../check/proxy-proof.ts";
import type { PreparedIssuer } from "../check/proxy-principal.ts";
import { readPolicy, UnreadablePolicyError } from "./read.ts";

/** Workloads that one scorer holds policies for; more are refused (the operator is told). */
export const workloadsMax = 10_000;

/** Limits that one scorer holds tables for, over all workloads; a policy with more is refused. */
export const limitsHeldMax = 65_536;

/** What requests of one workload are judged with. */
export interface WorkloadJudge {
  readonly judge: Judge;
  readonly issuers: readonly PreparedIssuer[];
  readonly limiter: Limiter;
  /** Tells the workload's proxies from others. */
  readonly proof: ProxyProof;
}

/** A policy as it comes from the operator. */
export interface PolicyResource {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The compiled policies of all workloads. */
export interface PolicyStore {
  get(workload: string): WorkloadJudge | undefined;
  /**
   * Compiles and swaps. A policy that does not compile harms only its own workload, whose last good one stays; then
   * this throws, after the others have been taken over, so that the operator hears of it.
   */
  apply(added: readonly PolicyResource[], removed: readonly string[]): void;
  /** True once the operator has said what there is, be it nothing. */
  readonly isReady: boolean;
  /** True where proxies have to prove themselves: then a question without a proof counts for nothing. */
  readonly demandsProof: boolean;
  workloads(): Iterable<[string, WorkloadJudge]>;
}

/**
 * `seed` keys the hash tables of limits: drawn once per process and told to nobody. `grownBytesMax` bounds the memory
 * of all limits together (core/limits/table.ts).
 */
export function createPolicyStore(seed: KeySeed, grownBytesMax?: number): PolicyStore {
  let judges: ReadonlyMap<string, WorkloadJudge> = new Map();
  let isReady = false;
  let demandsProof = false;
  const hash = createKeyHash(seed);
  const budget = createGrowthBudget(grownBytesMax);

  const compile = ({ name, bytes }: PolicyResource): WorkloadJudge => {
    const { policy, issuers, proxyKeyDigests } = readPolicy(bytes, readCondition);
    if (policy.workload !== name) throw new UnreadablePolicyError(`resource ${name} holds another workload`);
    const compiled = compilePolicy(policy, compileCondition);
    // Counting goes on over a change of the policy: otherwise every edit would open all limits.
    const limiter = createLimiter(limitsOf(compiled), { previous: judges.get(name)?.limiter, budget });
    return {
      judge: createJudge(compiled, { limiter, hash }),
      issuers,
      limiter,
      proof: new ProxyProof(proxyKeyDigests),
    };
  };

  return {
    get: (workload) => judges.get(workload),
    apply(added, removed) {
      const next = new Map(judges);
      for (const name of removed) next.delete(name);
      const problems: string[] = [];
      let limits = 0;
      for (const { limiter } of next.values()) limits += limiter.limits.length;
      for (const resource of added) {
        try {
          if (!next.has(resource.name) && next.size >= workloadsMax)
            throw new UnreadablePolicyError("too many workloads");
          const compiled = compile(resource);
          const before = next.get(resource.name)?.limiter.limits.length ?? 0;
          const after = limits - before + compiled.limiter.limits.length;
          if (after > limitsHeldMax) throw new UnreadablePolicyError("too many limits over all workloads");
          next.set(resource.name, compiled);
          limits = after;
        } catch (error) {
          problems.push(`${resource.name}: ${error instanceof Error ? error.message : "unknown fault"}`);
        }
      }
      // Invariant: a request sees one generation; the map is replaced whole.
      judges = next;
      // Tables of limits that are gone give their memory back.
      budget.grownBytes = 0;
      for (const { limiter } of next.values()) budget.grownBytes += limiterGrownBytes(limiter);
      demandsProof = [...next.values()].some(({ proof }) => proof.isDemanded);
      isReady = true;
      if (problems.length > 0) throw new UnreadablePolicyError(problems.join("; "));
    },
    get isReady() {
      return isReady;
    },
    get demandsProof() {
      return demandsProof;
    },
    workloads: () => judges.entries(),
  };
}

function readCondition(source: string) {
  const result = checkWhen(source);
  if (result.kind === "refused")
    throw new UnreadablePolicyError(`a condition does not compile: ${result.problem.message}`);
  return result.checked;
}
