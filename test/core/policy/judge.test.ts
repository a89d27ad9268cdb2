import assert from "node:assert/strict";
import { effectivePolicies } from "../../../core/policy/effective.ts";
import type { Judge } from "../../../core/policy/judge.ts";
import { conditionsCostMax } from "../../../core/expression/bounds.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { createJudge, limitsOf } from "../../../core/policy/judge.ts";
import { createKeyHash } from "../../../core/limits/key.ts";
import { createLimiter } from "../../../core/limits/limiter.ts";
import type { Limit, Policy, Rule } from "../../../core/policy/policy.ts";
import type { Principal } from "../../../core/access/principal.ts";
import { compileCondition } from "../../../platform/cel.ts";
import {
  callOf,
  condition,
  identity,
  judgeOf,
  noDemands,
  paths,
  pick,
  policy,
  principals,
  principalWith,
  randomFrom,
  randomPolicy,
  randomRule,
  workload,
} from "./random-policies.ts";

const id = { kind: "ApiPolicy", namespace: "bank", name: "accounts" };

function judgeRules(
  rules: readonly Rule[],
  access: Partial<NonNullable<Policy["access"]>> = {},
  limits?: readonly Limit[],
): Judge {
  const own = policy({ id, mode: "enforce", access: { default: "deny", ...access, rules }, limits });
  const { effective } = effectivePolicies({ workloads: [workload], policies: [own], identities: [identity] });
  return judgeOf(effective[0]!);
}

const allowRule = (path: string, require: Partial<Rule["require"]> = {}, more: Partial<Rule> = {}): Rule => ({
  name: "rule",
  effect: "allow",
  match: [{ methods: ["GET"], path }],
  require: { ...noDemands, ...require },
  privileged: false,
  ...more,
});

const denyRule = (path: string, more: Partial<Rule> = {}): Rule => ({
  ...allowRule(path),
  name: "deny",
  match: [{ methods: [], path }],
  effect: "deny",
  ...more,
});

interface Case {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly method?: string;
  readonly path: string;
  readonly principal?: Principal;
  readonly reason: string;
  readonly detail?: string;
}

const alice = principalWith({
  sub: "alice",
  account: "A-1",
  number: 7,
  scope: "accounts:read accounts:write",
  roles: ["clerk"],
  acr: "1",
});
const owner = { authenticated: true, owner: { path: "id", claim: "account" } };

const cases: readonly Case[] = [
  { name: "allows what an allow rule matches", rules: [allowRule("/a")], path: "/a", reason: "rule-allowed" },
  { name: "denies what no rule matches", rules: [allowRule("/a")], path: "/b", reason: "no-rule-matched" },
  { name: "denies another method", rules: [allowRule("/a")], method: "POST", path: "/a", reason: "no-rule-matched" },
  { name: "judges HEAD as GET", rules: [allowRule("/a")], method: "HEAD", path: "/a", reason: "rule-allowed" },
  {
    name: "lets a deny rule win over an allow rule",
    rules: [allowRule("/**"), denyRule("/a")],
    path: "/a",
    reason: "rule-denied",
  },
  {
    name: "denies in another letter case",
    rules: [allowRule("/**"), denyRule("/admin/**")],
    path: "/ADMIN/x",
    reason: "rule-denied",
  },
  {
    name: "does not allow in another letter case",
    rules: [allowRule("/admin")],
    path: "/Admin",
    reason: "no-rule-matched",
  },
  { name: "judges a slash at the end alike", rules: [allowRule("/a")], path: "/a/", reason: "rule-allowed" },
  {
    name: "refuses a wrong type with 400",
    rules: [allowRule("/i/{id:int}")],
    path: "/i/007",
    reason: "parameter-malformed",
  },
  {
    name: "asks for a credential",
    rules: [allowRule("/a", { authenticated: true })],
    path: "/a",
    reason: "credential-missing",
  },
  {
    name: "tells an expired credential apart",
    rules: [allowRule("/a", { authenticated: true })],
    path: "/a",
    principal: { kind: "failed", cause: "expired" },
    reason: "credential-expired",
  },
  {
    name: "refuses when the issuer's keys are stale",
    rules: [allowRule("/a", { authenticated: true })],
    path: "/a",
    principal: { kind: "failed", cause: "keys" },
    reason: "keys-stale",
  },
  {
    name: "needs every scope",
    rules: [allowRule("/a", { authenticated: true, scopes: ["accounts:read", "admin"] })],
    path: "/a",
    principal: alice,
    reason: "scope-missing",
    detail: "scope admin",
  },
  {
    name: "does not take part of a scope for the scope",
    rules: [allowRule("/a", { authenticated: true, scopes: ["accounts"] })],
    path: "/a",
    principal: alice,
    reason: "scope-missing",
  },
  {
    name: "compares claims with their types",
    rules: [allowRule("/a", { authenticated: true, claims: [{ name: "number", kind: "equals", value: "7" }] })],
    path: "/a",
    principal: alice,
    reason: "claim-mismatch",
    detail: "claim number",
  },
  {
    name: "finds a value in a list claim",
    rules: [allowRule("/a", { authenticated: true, claims: [{ name: "roles", kind: "contains", value: "clerk" }] })],
    path: "/a",
    principal: alice,
    reason: "rule-allowed",
  },
  {
    name: "does not take a text claim for a list that contains it",
    rules: [allowRule("/a", { authenticated: true, claims: [{ name: "account", kind: "contains", value: "A-1" }] })],
    path: "/a",
    principal: alice,
    reason: "claim-mismatch",
  },
  {
    name: "never finds an inherited claim",
    rules: [
      allowRule("/a", { authenticated: true, claims: [{ name: "constructor", kind: "in", values: ["Object"] }] }),
    ],
    path: "/a",
    principal: alice,
    reason: "claim-mismatch",
  },
  {
    name: "lets the owner in",
    rules: [allowRule("/acc/{id}/**", owner)],
    path: "/acc/A-1/x",
    principal: alice,
    reason: "rule-allowed",
  },
  {
    name: "keeps others out",
    rules: [allowRule("/acc/{id}", owner)],
    path: "/acc/A-2",
    principal: alice,
    reason: "resource-owner-mismatch",
  },
  {
    name: "compares the decoded segment",
    rules: [allowRule("/acc/{id}", owner)],
    path: "/acc/A%2D1",
    principal: alice,
    reason: "path-refused",
  },
  {
    name: "compares a number claim by its digits",
    rules: [allowRule("/acc/{id}", { authenticated: true, owner: { path: "id", claim: "number" } })],
    path: "/acc/7",
    principal: alice,
    reason: "rule-allowed",
  },
  {
    name: "challenges only when all else holds",
    rules: [allowRule("/a", { authenticated: true, authenticationLevel: 2 })],
    path: "/a",
    principal: alice,
    reason: "authentication-level-too-low",
  },
  {
    name: "denies before it challenges",
    rules: [allowRule("/a", { authenticated: true, authenticationLevel: 2, scopes: ["admin"] })],
    path: "/a",
    principal: alice,
    reason: "scope-missing",
  },
  {
    name: "does not allow on a false condition",
    rules: [allowRule("/a", {}, { when: condition("1 == 2") })],
    path: "/a",
    reason: "condition-not-met",
  },
  {
    name: "does not allow on a condition that cannot be evaluated",
    rules: [allowRule("/a", {}, { when: condition('principal.claims.none == "x"') })],
    path: "/a",
    principal: alice,
    reason: "condition-error",
  },
  {
    name: "denies on a condition that cannot be evaluated",
    rules: [allowRule("/**"), denyRule("/a", { when: condition('principal.claims.none == "x"') })],
    path: "/a",
    reason: "deny-rule-undecidable",
  },
  {
    name: "passes a deny rule whose condition does not hold",
    rules: [allowRule("/**"), denyRule("/a", { when: condition('request.method == "DELETE"') })],
    path: "/a",
    reason: "rule-allowed",
  },
  {
    name: "gives a condition the path parameters",
    rules: [allowRule("/acc/{id}", {}, { when: condition('resource.id == "A-1"') })],
    path: "/acc/A-1",
    reason: "rule-allowed",
  },
];

describe("judge", () => {
  for (const { name, rules, method = "GET", path, principal, reason, detail } of cases) {
    it(name, () => {
      if (reason === "path-refused") {
        assert.throws(() => callOf(method, path, principal), /encoded-unreserved/);
        return;
      }
      const { verdict } = judgeRules(rules).judge(callOf(method, path, principal), 0);
      assert.equal(verdict.reason, reason);
      if (detail !== undefined) assert.equal(verdict.evidence.detail, detail);
    });
  }

  it("evaluates conditions up to a cost, beyond which an Allow does not apply and a Deny does", () => {
    const dear = condition('request.path.matches("^/b[a-z]*x?$")');
    const cost = dear!.checked.cost;
    const count = Math.ceil(conditionsCostMax / cost) + 1;
    assert.ok(count > 3 && count < 20_000, `${count} such conditions`);
    const many = Array.from({ length: count }, (_, i) =>
      allowRule("/a", {}, { name: `r${String(i).padStart(5, "0")}`, when: dear }),
    );
    const last = allowRule("/a", {}, { name: "z", when: condition("1 == 1") });
    const call = callOf("GET", "/a");
    assert.equal(judgeRules([...many.slice(0, 2), last]).judge(call, 0).verdict.kind, "allow");
    assert.equal(judgeRules([...many, last]).judge(call, 0).verdict.kind, "deny");
    const denies = many.map((rule) => ({ ...rule, effect: "deny" as const }));
    const open = allowRule("/**", {}, { name: "open" });
    assert.equal(judgeRules([...denies, open]).judge(call, 0).verdict.reason, "deny-rule-undecidable");
  });

  it("applies the default only where it says allow", () => {
    const judge = judgeRules([denyRule("/a")], { default: "allow" });
    assert.equal(judge.judge(callOf("GET", "/b"), 0).verdict.reason, "default-allowed");
    assert.equal(judge.judge(callOf("GET", "/a"), 0).verdict.reason, "rule-denied");
  });

  it("denies the canary whatever the rules say", () => {
    const own = policy({ id, mode: "enforce", access: { default: "allow", rules: [] } });
    const [effective] = effectivePolicies({ workloads: [workload], policies: [own], identities: [] }).effective;
    const source = {
      ...effective!,
      workload: "bank/accounts",
      revision: "r",
      canaryPath: "/.well-known/picket/canary/r",
    };
    const compiled = compilePolicy(source, compileCondition);
    const hash = createKeyHash({ first: 1, second: 2 });
    const judge = createJudge(compiled, { limiter: createLimiter(limitsOf(compiled)), hash });
    assert.equal(judge.judge(callOf("GET", "/.well-known/picket/canary/r"), 0).verdict.reason, "canary");
    assert.equal(judge.judge(callOf("GET", "/.well-known/picket/canary/x"), 0).verdict.kind, "allow");
  });

  it("throttles over a limit, tells how long, and names the limit", () => {
    const limit: Limit = {
      name: "per-source",
      match: [],
      key: [{ kind: "sourceAddress" }],
      requests: 2,
      windowMs: 60_000,
    };
    const judge = judgeRules([allowRule("/**")], {}, [limit]);
    const verdicts = [0, 1, 2].map((i) => judge.judge(callOf("GET", "/a"), 1_000_000 + i).verdict);
    assert.deepEqual(
      verdicts.map(({ reason }) => reason),
      ["rule-allowed", "rule-allowed", "limit-exceeded"],
    );
    const last = verdicts[2]!;
    assert.ok(last.kind === "throttle" && last.retryAfterSeconds > 0 && last.retryAfterSeconds <= 66);
    assert.equal(last.evidence.rule, "per-source");
  });

  it("counts a limit in a milder mode without refusing, and says what it would have done", () => {
    const limit: Limit = { name: "soft", match: [], key: [], requests: 1, windowMs: 60_000, mode: "shadow" };
    const judge = judgeRules([allowRule("/**")], {}, [limit]);
    judge.judge(callOf("GET", "/a"), 1_000_000);
    const { verdict, shadow } = judge.judge(callOf("GET", "/a"), 1_000_001);
    assert.equal(verdict.kind, "allow");
    assert.equal(shadow?.reason, "limit-exceeded");
  });

  it("does not count what access refuses", () => {
    const limit: Limit = { name: "all", match: [], key: [], requests: 1, windowMs: 60_000 };
    const judge = judgeRules([allowRule("/a")], {}, [limit]);
    for (let i = 0; i < 5; i++) assert.equal(judge.judge(callOf("GET", "/b"), i).verdict.reason, "no-rule-matched");
    assert.equal(judge.judge(callOf("GET", "/a"), 10).verdict.kind, "allow");
  });

  it("matches a limit in every letter case, since another spelling is the same operation", () => {
    const limit: Limit = {
      name: "login",
      match: [{ methods: [], path: "/login" }],
      key: [],
      requests: 1,
      windowMs: 60_000,
    };
    const judge = judgeRules([allowRule("/**")], {}, [limit]);
    judge.judge(callOf("GET", "/login"), 0);
    assert.equal(judge.judge(callOf("GET", "/LOGIN"), 1).verdict.kind, "throttle");
  });

  it("gives the same verdict whatever the order of the rules", () => {
    for (let seed = 0; seed < 2_000; seed++) {
      const random = randomFrom(seed);
      const rules = Array.from({ length: 5 }, (_, i) => randomRule(random, `r${i}`));
      const call = callOf("GET", pick(random, paths), pick(random, principals));
      const one = judgeRules(rules).judge(call, 0).verdict;
      const other = judgeRules(rules.toReversed()).judge(call, 0).verdict;
      assert.deepEqual(other, one, `seed ${seed}`);
    }
  });

  it("never allows more after a deny rule is added", () => {
    let refused = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      const random = randomFrom(seed);
      const rules = Array.from({ length: 4 }, (_, i) => randomRule(random, `r${i}`));
      const added: Rule = { ...randomRule(random, "added"), effect: "deny", require: noDemands };
      const call = callOf("GET", pick(random, paths), pick(random, principals));
      const before = judgeRules(rules).judge(call, 0).verdict;
      const after = judgeRules([...rules, added]).judge(call, 0).verdict;
      if (before.kind === "allow") continue;
      refused++;
      assert.notEqual(after.kind, "allow", `seed ${seed}`);
    }
    assert.ok(refused > 500);
  });

  it("gives every random policy a verdict for every call", () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const random = randomFrom(seed);
      const policies = [randomPolicy(random, 1, "default"), randomPolicy(random, 2, "floor")];
      const [effective] = effectivePolicies({ workloads: [workload], policies, identities: [] }).effective;
      if (effective!.gates.length === 0) continue;
      const { verdict } = judgeOf(effective!).judge(callOf("GET", pick(random, paths), pick(random, principals)), 0);
      assert.ok(["allow", "deny", "challenge", "throttle"].includes(verdict.kind));
    }
  });
});
