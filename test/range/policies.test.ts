import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { anonymous, claimsOf, type ClaimValue, type Principal } from "../../core/access/principal.ts";
import { createKeyHash } from "../../core/limits/key.ts";
import { createLimiter } from "../../core/limits/limiter.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { effectivePolicies } from "../../core/policy/effective.ts";
import { createJudge, limitsOf, type Judge } from "../../core/policy/judge.ts";
import { parseObject } from "../../core/policy/parse.ts";
import { parsePath } from "../../core/request/path.ts";
import { methods, type Method } from "../../core/policy/policy.ts";
import { createRequestView } from "../../core/request/view.ts";
import { readKeySet } from "../../operator/translate/keys.ts";
import { readYamlFile } from "../../platform/yaml.ts";
import { badKeySets } from "./bad-keys.ts";
import { actors, mayReach, operationOf, type Actor } from "./operations.ts";
import { identityFile, workloadFile } from "./range.ts";
import { createMint, issuer } from "./tokens.ts";

const mint = createMint(1_800_000_000);
const noConditions = { when: () => ({ problem: { message: "the range has none", try: "leave it out" } }) };

function textOf(name: string): string {
  const text = readFileSync(new URL(`policies/${name}`, import.meta.url), "utf8");
  if (name === "identity.yaml") return identityFile(text, mint.jwks);
  return name === "workload.yaml"
    ? workloadFile(text, { id: "u0", app: "orders", listen: 8_080, upstream: 9_080 })
    : text;
}

/** The range's policy as the product judges with it. */
function judgeOfRange(): Judge {
  const objects = ["orders.yaml", "identity.yaml", "workload.yaml"].flatMap((name) => {
    const { documents, problems } = readYamlFile(textOf(name), name);
    assert.deepEqual(problems, []);
    return documents.map((document) => parseObject(document, noConditions));
  });
  assert.deepEqual(
    objects.filter(({ kind }) => kind === "invalid" || kind === "skipped"),
    [],
  );
  const { effective, conflicts, unresolved } = effectivePolicies({
    policies: objects.flatMap((object) => (object.kind === "policy" ? [object.policy] : [])),
    identities: objects.flatMap((object) => (object.kind === "identity" ? [object.identity] : [])),
    workloads: objects.flatMap((object) => (object.kind === "workload" ? [object.workload] : [])),
  });
  assert.deepEqual([...conflicts, ...unresolved], []);
  const [policy] = effective;
  assert.ok(policy !== undefined);
  const compiled = compilePolicy(
    { ...policy, workload: "shop/u0", revision: "1", canaryPath: "" },
    () => () => undefined,
  );
  return createJudge(compiled, {
    limiter: createLimiter(limitsOf(compiled)),
    hash: createKeyHash({ first: 1, second: 2 }),
  });
}

function principalOf(actor: Actor): Principal {
  if (actor === "anon") return anonymous;
  return {
    kind: "authenticated",
    id: actor,
    issuer,
    claims: claimsOf(mint.claims(actor) as Record<string, ClaimValue>),
  };
}

const paths = [
  "/public/a",
  "/public/a/b",
  "/public/internal/keys",
  "/orders/1",
  "/orders/2",
  "/orders/1/lines",
  "/orders/",
  "/admin/secret",
  "/admin/",
  "/login",
  "/login/x",
  "/transfer",
  "/items/1",
  "/items/1/x",
  "/",
  "/publicx",
  "/administration",
];

describe("the policy of the range", () => {
  const judge = judgeOfRange();
  const view = createRequestView();

  for (const actor of actors) {
    it(`allows ${actor} exactly what the range's own oracle says`, () => {
      let allowed = 0;
      for (const method of methods satisfies readonly Method[]) {
        for (const path of paths) {
          assert.equal(parsePath(path, view), undefined);
          const request = { ...view, method, host: "orders.shop.example" };
          const call = { request, principal: principalOf(actor), sourceAddress: "" };
          const { kind } = judge.judge(call, 1_800_000_000_000).verdict;
          const oracle = mayReach(actor, operationOf(method, path));
          assert.equal(kind === "allow", oracle, `${method} ${path}: ${kind}`);
          if (oracle) allowed++;
        }
      }
      assert.ok(allowed >= 5, String(allowed));
    });
  }
});

describe("key sets that no identity may have", () => {
  for (const { name, jwks } of badKeySets) {
    it(`${name}: no key for a hostile algorithm comes out of it`, () => {
      const { jwks: usable } = readKeySet(jwks, ["ES256", "RS256"]);
      if (usable === undefined) return;
      // A key without algorithm may be given the one its type is for, and no other.
      assert.equal(name, "no-algorithm");
      const { keys } = JSON.parse(usable) as { keys: readonly { readonly alg?: string }[] };
      assert.deepEqual(
        keys.map(({ alg }) => alg),
        ["RS256"],
      );
    });
  }
});
