import assert from "node:assert/strict";
import fc from "fast-check";
import type { EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import { TypedExtensionConfig } from "../../../protos/gen/envoy/config/core/v3/extension.ts";
import { ExtAuthz } from "../../../protos/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { HttpConnectionManager } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { WorkloadPolicy } from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { encodeResource, pack, renderJson } from "../../../operator/translate/envoy/any.ts";
import { authzFor } from "../../../operator/translate/envoy/filters/ext-authz.ts";
import { BrokenResources, checkReferences } from "../../../operator/translate/envoy/references.ts";
import { routes } from "../../../operator/translate/envoy/routes.ts";
import { translateWorkload } from "../../../operator/translate/translate.ts";
import { accounts, bank, bankKeys, cases, enforced, install } from "../../golden/translate/cases.ts";

const options = { keys: new Map() };
const clusters = ["picket_scorer", "picket_als"];

function translate(policy: EffectivePolicy) {
  return translateWorkload(policy, install, options);
}

/** Versions of everything that makes Envoy drain connections when it changes. */
function listenersOf(policy: EffectivePolicy): readonly string[] {
  return translate(policy).envoy.listeners.map((listener) => listener.version);
}

/** The same value with the keys of every object in another order. */
function reordered(value: unknown, order: (keys: string[]) => string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => reordered(item, order));
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  return Object.fromEntries(order(Object.keys(record)).map((key) => [key, reordered(record[key], order)]));
}

describe("translateWorkload", () => {
  it("gives identical bytes for identical input, whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.constantFrom(...cases), fc.infiniteStream(fc.integer()), ({ policy, keys }, numbers) => {
        const shuffle = (names: string[]) =>
          names
            .map((name) => ({ name, rank: numbers.next().value }))
            .toSorted((a, b) => a.rank - b.rank)
            .map(({ name }) => name);
        const other = reordered(policy, shuffle) as EffectivePolicy;
        assert.deepEqual(translateWorkload(other, install, { keys }), translateWorkload(policy, install, { keys }));
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the listener when rules, limits, guards, failure, denial or keys change", () => {
    const listeners = listenersOf(enforced);
    const changes: Partial<EffectivePolicy>[] = [
      { gates: [] },
      { limits: [{ name: "total", policy: "p", match: [], key: [], requests: 5, windowMs: 1000 }] },
      { guards: { maxBodyBytes: 10, maxJsonDepth: 2 } },
      { failure: { decision: "allow", timeoutMs: 777, keysMaxStaleMs: 1 } },
      { denial: { body: "empty", showReason: true } },
      { identities: [] },
    ];
    for (const change of changes) assert.deepEqual(listenersOf({ ...enforced, ...change }), listeners);
  });

  it("changes the listener between Enforce and the modes that refuse nothing", () => {
    assert.notDeepEqual(listenersOf({ ...enforced, mode: "shadow" }), listenersOf(enforced));
    assert.deepEqual(listenersOf({ ...enforced, mode: "shadow" }), listenersOf({ ...enforced, mode: "observe" }));
  });

  it("changes the revision with whatever the scorer enforces, and names it in the canary and to the proxy", () => {
    const { revision, canaryPath, scorer, envoy } = translate(enforced);
    const policy = WorkloadPolicy.decode(scorer.bytes);
    assert.equal(policy.revision, revision);
    assert.equal(policy.canary, `/.well-known/picket/canary/${revision}`);
    assert.equal(canaryPath, policy.canary);
    assert.ok(JSON.stringify(envoy.routes.map(renderJson)).includes(`"revision":"${revision}"`));
    for (const change of [
      { mode: "shadow" },
      { gates: [] },
      { denial: { body: "empty", showReason: false } },
    ] as const) {
      assert.notEqual(translate({ ...enforced, ...change }).revision, revision);
    }
  });

  it("leaves no enum of the scorers' form at the value that means nothing", () => {
    for (const { policy, install: config, keys } of cases) {
      const json = JSON.stringify(renderJson(translateWorkload(policy, config, { keys }).scorer));
      assert.ok(!json.includes("UNSPECIFIED"), json);
      const message = WorkloadPolicy.decode(translateWorkload(policy, config, { keys }).scorer.bytes);
      assert.notEqual(message.mode, 0);
      assert.notEqual(message.failure?.decision, 0);
      assert.notEqual(message.denial?.body, 0);
      for (const limit of message.limits) {
        assert.notEqual(limit.mode, 0);
        for (const key of limit.key) assert.notEqual(key.kind, 0);
      }
      for (const gate of message.gates) {
        assert.notEqual(gate.defaultEffect, 0);
        for (const rule of gate.rules) assert.notEqual(rule.effect, 0);
      }
    }
  });

  it("gives an issuer without usable keys no provider, tells the scorer, and says so", () => {
    const broken = { ...bank, jwt: bank.jwt.map((jwt) => ({ ...jwt, keys: { kind: "inline", jwks: "{}" } as const })) };
    const { envoy, scorer, problems } = translate({ ...enforced, identities: [broken, bank] });
    const jwt = JSON.stringify(envoy.extensions.map(renderJson));
    assert.ok(!jwt.includes("p0_payload") && jwt.includes("p1_payload"));
    assert.deepEqual(
      WorkloadPolicy.decode(scorer.bytes).issuers.map(({ provider, keysStale }) => [provider, keysStale]),
      [
        ["p0", true],
        ["p1", false],
      ],
    );
    assert.deepEqual(problems, ['identity bank/bank, issuer https://id.bank.example: the key set has no list "keys"']);
  });

  it("drops fetched keys once they are stale", () => {
    const uri = "https://id.bank.example/jwks";
    const remote = { ...bank, jwt: bank.jwt.map((jwt) => ({ ...jwt, keys: { kind: "uri", uri } as const })) };
    const policy = { ...enforced, identities: [remote] };
    const fresh = translateWorkload(policy, install, { keys: new Map([[uri, { jwks: bankKeys, stale: false }]]) });
    const stale = translateWorkload(policy, install, { keys: new Map([[uri, { jwks: bankKeys, stale: true }]]) });
    assert.equal(WorkloadPolicy.decode(fresh.scorer.bytes).issuers[0]?.keysStale, false);
    assert.equal(WorkloadPolicy.decode(stale.scorer.bytes).issuers[0]?.keysStale, true);
    assert.deepEqual(fresh.problems, []);
    assert.equal(stale.problems.length, 1);
  });

  it("refuses a listen address that needs a resolver", () => {
    const workload = { ...accounts, listen: { host: "accounts.example", port: 1 } };
    assert.throws(() => translate({ ...enforced, workload }), /must be an IP address or localhost/);
  });
});

describe("authzFor", () => {
  const context = { workload: "bank/accounts", revision: "r" };

  it("never switches the closed instance off for a judged request without switching the open one on", () => {
    for (const mode of ["shadow", "enforce"] as const) {
      for (const decision of ["allow", "deny"] as const) {
        for (const guards of [{}, { maxBodyBytes: 5, maxJsonDepth: 5 }]) {
          const { closed, open } = authzFor(mode, { decision }, guards, context);
          const isOff =
            JSON.stringify(closed) === JSON.stringify(authzFor("observe", { decision }, guards, context).closed);
          assert.equal(isOff, open !== null);
          assert.equal(isOff, mode === "shadow" || decision === "allow");
        }
      }
    }
  });

  it("asks nobody in Observe", () => {
    assert.equal(authzFor("observe", { decision: "deny" }, {}, context).open, null);
  });
});

describe("checkReferences", () => {
  const good = translate(enforced).envoy;

  it("refuses a filter name in routes that no listener has, which Envoy accepts", () => {
    const misspelt = routes(accounts, {
      operations: [],
      strictness: "strict",
      perFilter: {
        "picket.authz.close|bank/accounts": authzFor(
          "enforce",
          { decision: "deny" },
          {},
          { workload: "w", revision: "r" },
        ).closed,
      },
    });
    assert.throws(() => checkReferences({ ...good, routes: [misspelt] }, clusters), BrokenResources);
  });

  it("refuses a cluster that does not exist, in routes and in filters", () => {
    assert.throws(() => checkReferences({ ...good, clusters: [] }, clusters), /app\|bank\/accounts/);
    assert.throws(() => checkReferences(good, ["picket_als"]), /picket_scorer/);
  });

  it("refuses a filter that nobody delivers", () => {
    assert.throws(
      () => checkReferences({ ...good, extensions: good.extensions.slice(1) }, clusters),
      /has no configuration/,
    );
  });

  it("refuses a configuration that clears the judged route", () => {
    const [first, ...others] = good.extensions;
    const name = first?.name ?? "";
    const clearing = encodeResource(TypedExtensionConfig, name, {
      name,
      typedConfig: pack(ExtAuthz, { clearRouteCache: true }),
    });
    assert.throws(() => checkReferences({ ...good, extensions: [clearing, ...others] }, clusters), /clears the route/);
  });

  it("refuses a chain in which something stands behind the authz filters, or the closed one is off", () => {
    const name = (filter: string, disabled = false) => ({ name: filter, disabled });
    const [closed, open] = ["picket.authz.closed|bank/accounts", "picket.authz.open|bank/accounts"];
    const router = name("envoy.filters.http.router");
    const chains = [
      [name(closed), name(open, true), name("late"), router],
      [name(closed, true), name(open, true), router],
      [name(closed), name(open), router],
      [name(open, true), name(closed), router],
      [name(closed), name(open, true)],
      [router],
      [],
    ];
    for (const httpFilters of chains) {
      const typedConfig = pack(HttpConnectionManager, { httpFilters });
      const filters = [{ name: "hcm", configType: { $case: "typedConfig" as const, typedConfig } }];
      const listener = encodeResource(Listener, "in", { name: "in", filterChains: [{ filters }] });
      assert.throws(() => checkReferences({ ...good, listeners: [listener] }, clusters), /does not end with/);
    }
  });
});

describe("routes", () => {
  it("end every list with the route for everything else", () => {
    for (const { policy, install: config, keys } of cases) {
      const resource = translateWorkload(policy, config, { keys }).envoy.routes[0];
      assert.ok(resource !== undefined);
      let lists = 0;
      JSON.stringify(renderJson(resource), (key, value: unknown) => {
        if (key !== "routes" || !Array.isArray(value)) return value;
        assert.equal((value.at(-1) as { name: string }).name, "everything else");
        lists++;
        return value;
      });
      assert.ok(lists > 0);
    }
  });
});
