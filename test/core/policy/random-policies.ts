import type { Call } from "../../../core/access/call.ts";
import { anonymous, claimsOf, type Principal } from "../../../core/access/principal.ts";
import { createKeyHash } from "../../../core/limits/key.ts";
import { createLimiter } from "../../../core/limits/limiter.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import type { Identity, Workload } from "../../../core/policy/identity.ts";
import { createJudge, limitsOf, type Judge } from "../../../core/policy/judge.ts";
import { methods, printId, type Policy, type Requirement, type Rule } from "../../../core/policy/policy.ts";
import { headersOf } from "../../../core/request/headers.ts";
import { createRequestView, viewRequest } from "../../../core/request/view.ts";
import { checkWhen, compileCondition } from "../../../platform/cel.ts";

/** A small seeded generator (mulberry32), so that a failing case can be made again. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export type Random = () => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

const origin = { file: "test.yaml", line: 1 };

export const workload: Workload = {
  id: { kind: "Workload", namespace: "bank", name: "accounts" },
  origin,
  labels: { app: "accounts", tier: "core" },
  listen: { host: "127.0.0.1", port: 8080 },
  upstream: { host: "127.0.0.1", port: 9080 },
};

export const identity: Identity = {
  id: { kind: "ApiIdentity", namespace: "bank", name: "bank" },
  origin,
  jwt: [],
  principalClaim: "sub",
};

export const noDemands: Requirement = { authenticated: false, scopes: [], claims: [] };

const templates = ["/a", "/a/{id}", "/a/{id:int}", "/a/**", "/b/{x}/c", "/**", "/A/{id}", "/b/**"];
export const paths = ["/", "/a", "/a/1", "/a/alice", "/A/1", "/a/1/x", "/b/alice/c", "/b/1", "/c", "/a/", "/b/x/d"];
const conditions = ['request.method == "GET"', 'principal.claims.tier == "gold"', 'resource.id == "1"', "1 / 0 == 1"];

export function randomRule(random: Random, name: string): Rule {
  const path = pick(random, templates);
  const effect = random() < 0.3 ? "deny" : "allow";
  const owner = path.includes("{id}") && random() < 0.3 ? { path: "id", claim: "sub" } : undefined;
  const demands: Requirement =
    effect === "deny" || random() < 0.3
      ? noDemands
      : {
          authenticated: true,
          scopes: random() < 0.3 ? ["read"] : [],
          claims: random() < 0.3 ? [{ name: "roles", kind: "contains", value: "admin" }] : [],
          owner,
          authenticationLevel: random() < 0.2 ? 2 : undefined,
        };
  return {
    name,
    effect,
    match: [{ methods: random() < 0.5 ? [] : [pick(random, methods)], path }],
    require: demands,
    when: random() < 0.2 ? condition(pick(random, conditions)) : undefined,
    privileged: false,
  };
}

export function condition(source: string): Rule["when"] {
  const result = checkWhen(source);
  if (result.kind === "refused") throw new Error(result.problem.message);
  return { source, checked: result.checked };
}

export function randomPolicy(random: Random, number: number, strategy: Policy["strategy"]): Policy {
  const targets: Policy["target"][] = [
    { kind: "cluster", namespaces: random() < 0.5 ? [] : ["bank"] },
    { kind: "namespace" },
    { kind: "workloads", refs: [{ kind: "Deployment" as const, name: "accounts" }] },
    { kind: "labels", labels: { app: "accounts" } },
  ];
  const target = pick(random, strategy === "floor" ? targets.slice(0, 2) : targets);
  const rules = Array.from({ length: Math.floor(random() * 4) }, (_, i) => randomRule(random, `r${i}`));
  const hasAccess = random() < 0.8;
  return policy({
    id: { kind: "ApiPolicy", namespace: target.kind === "cluster" ? "" : "bank", name: `p${number}` },
    createdMs: Math.floor(random() * 5),
    target,
    strategy,
    mode: random() < 0.4 ? undefined : pick(random, ["observe", "shadow", "enforce"]),
    identityRefs: strategy === "default" && random() < 0.5 ? ["bank"] : undefined,
    access: hasAccess ? { default: random() < 0.5 ? undefined : pick(random, ["allow", "deny"]), rules } : undefined,
    limits:
      random() < 0.3
        ? [{ name: "l", match: [], key: [], requests: 1 + Math.floor(random() * 3), windowMs: 60_000 }]
        : undefined,
    guards: random() < 0.3 ? { maxBodyBytes: 1 + Math.floor(random() * 100) } : undefined,
    failure: random() < 0.3 ? { decision: pick(random, ["allow", "deny"]) } : undefined,
  });
}

export function policy(fields: Partial<Policy> & Pick<Policy, "id">): Policy {
  return {
    origin,
    createdMs: 0,
    target: { kind: "workloads", refs: [{ kind: "Deployment" as const, name: "accounts" }] },
    strategy: "default",
    ports: [],
    lines: new Map(),
    ...fields,
  };
}

/** A judge over an effective policy, with limits that start empty. */
export function judgeOf(effective: EffectivePolicy): Judge {
  const compiled = compilePolicy(
    { ...effective, workload: printId(effective.workload.id), revision: "r1", canaryPath: "" },
    compileCondition,
  );
  const limiter = createLimiter(limitsOf(compiled));
  return createJudge(compiled, { limiter, hash: createKeyHash({ first: 1, second: 2 }) });
}

export function principalWith(claims: Parameters<typeof claimsOf>[0] & { readonly sub: string }): Principal {
  return { kind: "authenticated", id: claims.sub, issuer: "https://id.bank.example", claims: claimsOf(claims) };
}

export const principals: readonly Principal[] = [
  anonymous,
  { kind: "failed", cause: "expired" },
  principalWith({ sub: "1", scope: "read write", roles: ["admin"], tier: "gold", acr: "2" }),
  principalWith({ sub: "alice", scope: ["read"], roles: "admin", acr: 1 }),
];

/** A call as the scorer would see it; throws when the request itself is ambiguous. */
export function callOf(method: string, target: string, principal: Principal = anonymous): Call {
  const request = createRequestView();
  const headers = headersOf([["content-type", "application/json"]]);
  const problem = viewRequest({ method, target, authority: "bank.example", headers }, request);
  if (problem !== undefined) throw new Error(`${target}: ${problem.detail}`);
  return { request, principal, sourceAddress: "203.0.113.9" };
}
