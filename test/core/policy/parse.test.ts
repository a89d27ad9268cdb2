import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { apiVersion, laterKinds, parseObject } from "../../../core/policy/parse.ts";
import { rulesMax } from "../../../core/policy/parse/access.ts";
import { limitsMax } from "../../../core/policy/parse/limits.ts";
import { matchesMax } from "../../../core/policy/parse/operation.ts";
import { millisOf } from "../../../core/policy/parse/scalar.ts";
import { nearestName } from "../../../core/policy/parse/nearest-name.ts";
import { fieldPath, itemPath, parentPath } from "../../../core/policy/parse/field-path.ts";
import { objectProblemsMax, printProblem } from "../../../core/policy/problem.ts";
import { policyText, problemsOf, readObjects, readOne } from "./parse-objects.ts";

describe("parseObject", () => {
  it("reads a policy with every block that is enforced", () => {
    const { policy } = readOne(
      "policy",
      policyText(
        "targetRefs: [{ group: apps, kind: Deployment, name: accounts }, { kind: Service, name: front }]",
        "ports: [{ port: 8080, protocol: HTTP }]",
        "mode: Shadow",
        "strategy: Default",
        "identityRefs: [{ name: bank }]",
        "access:",
        "  default: Allow",
        "  rules:",
        "    - name: owner",
        "      match: [{ methods: [GET, HEAD], path: '/a/{id:int}/**' }]",
        "      effect: Allow",
        "      require:",
        "        scopes: [read]",
        "        claims: [{ name: a, equals: 1 }, { name: b, in: ['1', true] }, { name: c, contains: x }]",
        "        owner: { path: id, claim: account }",
        "        authenticationLevel: 2",
        "      privileged: true",
        "    - { name: closed, match: [{ path: /x }], effect: Deny, when: 'request.hour < 8' }",
        "limits:",
        "  - name: l",
        "    match: [{ path: /a }]",
        "    key: [Principal, { claim: tenant }, { header: x-tenant }]",
        "    requests: 10",
        "    window: 1m",
        "    burst: 5",
        "    mode: Observe",
        "guards: { maxBodyBytes: 65536, maxJsonDepth: 64, ambiguousPath: Deny }",
        "failure: { decision: Allow, timeout: 5ms, keysMaxStale: 30d, limits: Local }",
        "denial: { body: Empty, showReason: true }",
      ),
    );
    const { lines, access, ...rest } = policy;
    assert.deepEqual(rest, {
      id: { kind: "ApiPolicy", namespace: "bank", name: "a" },
      origin: { file: "policies/a.yaml", line: 1 },
      createdMs: 0,
      target: {
        kind: "workloads",
        refs: [
          { kind: "Deployment", name: "accounts" },
          { kind: "Service", name: "front" },
        ],
      },
      strategy: "default",
      mode: "shadow",
      ports: [8080],
      identityRefs: ["bank"],
      limits: [
        {
          name: "l",
          match: [{ methods: [], path: "/a" }],
          key: [{ kind: "principal" }, { kind: "claim", name: "tenant" }, { kind: "header", name: "x-tenant" }],
          requests: 10,
          windowMs: 60_000,
          burst: 5,
          mode: "observe",
        },
      ],
      guards: { maxBodyBytes: 65_536, maxJsonDepth: 64 },
      failure: { decision: "allow", timeoutMs: 5, keysMaxStaleMs: 2_592_000_000 },
      denial: { body: "empty", showReason: true },
    });
    assert.equal(access?.default, "allow");
    const [owner, closed] = access.rules;
    assert.deepEqual(owner?.match, [{ methods: ["GET", "HEAD"], path: "/a/{id:int}/**" }]);
    assert.deepEqual(owner.require, {
      authenticated: true,
      scopes: ["read"],
      claims: [
        { name: "a", kind: "equals", value: 1 },
        { name: "b", kind: "in", values: ["1", true] },
        { name: "c", kind: "contains", value: "x" },
      ],
      owner: { path: "id", claim: "account" },
      authenticationLevel: 2,
    });
    assert.equal(owner.privileged, true);
    assert.equal(closed?.effect, "deny");
    assert.equal(closed.when?.source, "request.hour < 8");
    assert.deepEqual(
      ["mode", "access.rules[owner]", "access.rules[closed].when", "limits[l].burst", "failure.timeoutMs"].map(
        (field) => lines.get(field),
      ),
      [7, 13, 22, 29, 32],
    );
  });

  it("knows that a demand of any kind needs a principal, and that none needs none", () => {
    const requireOf = (text: string): boolean | undefined =>
      readOne(
        "policy",
        policyText(`access: { rules: [{ name: r, effect: Allow, match: [{ path: '/{id}' }]${text} }] }`),
      ).policy.access?.rules[0]?.require.authenticated;
    assert.equal(requireOf(""), false);
    assert.equal(requireOf(", require: { authenticated: false }"), false);
    assert.equal(requireOf(", require: { authenticated: true }"), true);
    assert.equal(requireOf(", require: { scopes: [a] }"), true);
    assert.equal(requireOf(", require: { claims: [{ name: a, equals: false }] }"), true);
    assert.equal(requireOf(", require: { owner: { path: id, claim: sub } }"), true);
    assert.equal(requireOf(", require: { authenticationLevel: 1 }"), true);
  });

  it("keeps the types of claims apart", () => {
    const read = (value: string): unknown => {
      const rule = `{ name: r, effect: Allow, match: [{ path: / }], require: { claims: [{ name: a, equals: ${value} }] } }`;
      return readOne("policy", policyText(`access: { rules: [${rule}] }`)).policy.access?.rules[0]?.require.claims[0];
    };
    assert.deepEqual(read("1"), { name: "a", kind: "equals", value: 1 });
    assert.deepEqual(read("'1'"), { name: "a", kind: "equals", value: "1" });
    assert.deepEqual(read("true"), { name: "a", kind: "equals", value: true });
    assert.deepEqual(read("yes"), { name: "a", kind: "equals", value: "yes" });
  });

  it("tells a namespace, a selection by labels and the cluster apart", () => {
    assert.deepEqual(readOne("policy", policyText("mode: Enforce")).policy.target, { kind: "namespace" });
    const own = policyText("strategy: Floor", "targetRefs: [{ kind: Namespace, name: bank }]");
    assert.deepEqual(readOne("policy", own).policy.target, { kind: "namespace" });
    const { target } = readOne("policy", policyText("selector: { matchLabels: { app: a } }")).policy;
    assert.equal(target.kind === "labels" && target.labels["app"], "a");
    const cluster = policyText("strategy: Floor", "namespaces: [bank]")
      .replace("ApiPolicy", "ClusterApiPolicy")
      .replace(", namespace: bank", "");
    assert.deepEqual(readOne("policy", cluster).policy.target, { kind: "cluster", namespaces: ["bank"] });
  });

  it("puts an object without a namespace into the default one, as kubectl does", () => {
    const { policy } = readOne("policy", policyText("mode: Enforce").replace(", namespace: bank", ""));
    assert.equal(policy.id.namespace, "default");
  });

  it("reads what the API server printed, age and status included", () => {
    const printed = policyText("mode: Enforce").replace(
      "metadata: { name: a, namespace: bank }",
      "metadata: { name: a, namespace: bank, uid: u, resourceVersion: '7', generation: 2, creationTimestamp: '2026-01-05T09:00:00Z' }",
    );
    assert.equal(readOne("policy", `${printed}status: { conditions: [] }\n`).policy.createdMs, Date.UTC(2026, 0, 5, 9));
  });

  it("reads identities, workloads and the install configuration of the sample bank", () => {
    const kinds = ["policies/", "standalone/"].flatMap((name) => {
      const folder = new URL(name, new URL("../../../examples/bank/", import.meta.url));
      return readdirSync(folder).flatMap((file) => {
        const { objects, problems } = readObjects(readFileSync(new URL(file, folder), "utf8"));
        assert.deepEqual(problems, []);
        return objects.map(({ kind }) => kind);
      });
    });
    assert.deepEqual(
      Object.fromEntries(Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([k, v]) => [k, v.length])),
      {
        policy: 5,
        workload: 4,
        identity: 1,
        config: 1,
      },
    );
  });

  it("skips objects of other groups, and nothing that is nearly ours", () => {
    for (const version of ["v1", "apps/v1", "test.picket.dev/v1alpha1", "example.com/v1"]) {
      const { objects } = readObjects(`apiVersion: ${version}\nkind: Thing\nmetadata: { name: a }\n`);
      assert.deepEqual(objects, [{ kind: "skipped" }]);
    }
    const { objects } = readObjects("apiVersion: picket.dve/v1alpha1\nkind: ApiPolicy\n");
    assert.equal(objects[0]?.kind, "invalid");
  });

  it("tells who a bad policy is and whom it means, where that can be read", () => {
    const [object] = readObjects(
      policyText("mode: wrong", "targetRefs: [{ group: apps, kind: Deployment, name: x }]"),
    ).objects;
    assert.equal(object?.kind, "invalid");
    assert.deepEqual(object.kind === "invalid" && object.id, { kind: "ApiPolicy", namespace: "bank", name: "a" });
    assert.deepEqual(object.kind === "invalid" && object.target, {
      kind: "workloads",
      refs: [{ kind: "Deployment", name: "x" }],
    });
    const [unclear] = readObjects(
      policyText("mode: wrong", "targetRefs: [{ group: apps, kind: Pod, name: x }]"),
    ).objects;
    assert.equal(unclear?.kind === "invalid" && unclear.target, undefined);
    const [nameless] = readObjects(policyText("mode: wrong").replace("name: a, ", "")).objects;
    assert.equal(nameless?.kind === "invalid" && nameless.id, undefined);
  });

  it("names an object of a kind that is not enforced, and reads nothing of it", () => {
    for (const kind of laterKinds) {
      const head = `apiVersion: ${apiVersion}\nkind: ${kind}\n`;
      const [object] = readObjects(`${head}metadata: { name: a, namespace: bank }\nspec: { effect: Allow }\n`).objects;
      assert.equal(object?.kind, "invalid");
      if (object.kind !== "invalid") return;
      assert.deepEqual(object.id, { kind, namespace: "bank", name: "a" });
      assert.deepEqual(
        object.problems.map(({ code, field }) => `${code} ${field}`),
        ["PKT0202 kind"],
      );
      assert.equal(object.target, undefined);
      const [nameless] = readObjects(`${head}spec: {}\n`).objects;
      assert.ok(nameless?.kind === "invalid" && nameless.id === undefined);
    }
  });

  it("keeps a bounded number of problems", () => {
    const rules = Array.from({ length: rulesMax }, () => "{ effect: 7 }").join(", ");
    assert.equal(problemsOf(policyText(`access: { rules: [${rules}] }`)).length, objectProblemsMax);
  });

  it("reads lists up to their bound and refuses the next entry", () => {
    const policy = (rules: number, limits: number, matches: number): string => {
      const match = Array.from({ length: matches }, (_, index) => `{ path: /${index} }`).join(", ");
      const rule = (index: number): string => `{ name: r${index}, effect: Allow, match: [${match}] }`;
      const limit = (index: number): string => `{ name: l${index}, requests: 1, window: 1s }`;
      return policyText(
        `access: { rules: [${Array.from({ length: rules }, (_, index) => rule(index)).join(", ")}] }`,
        `limits: [${Array.from({ length: limits }, (_, index) => limit(index)).join(", ")}]`,
      );
    };
    assert.deepEqual(problemsOf(policy(rulesMax, limitsMax, matchesMax)), []);
    assert.deepEqual(
      problemsOf(policy(rulesMax + 1, limitsMax + 1, 1)).map(({ code, field }) => `${code} ${field}`),
      ["PKT0206 spec.access.rules", "PKT0206 spec.limits"],
    );
    assert.deepEqual(
      problemsOf(policy(1, 0, matchesMax + 1)).map(({ field }) => field),
      ["spec.access.rules[0].match"],
    );
  });

  it("treats names of object properties as names like any other", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const [problem] = problemsOf(policyText(`${name}: { mode: Enforce }`));
      assert.equal(problem?.code, "PKT0201", name);
      assert.equal(problemsOf(policyText(`mode: ${name}`))[0]?.code, "PKT0205");
      assert.equal(
        problemsOf(policyText(`limits: [{ name: l, requests: 1, window: 1s, key: [${name}] }]`))[0]?.code,
        "PKT0205",
      );
    }
  });

  it("reads values that come without a file, with line 0", () => {
    const value = { apiVersion, kind: "ApiPolicy", metadata: { name: "a" }, spec: { mode: "x" } };
    const parsed = parseObject(
      { value, file: "api", lineOf: () => 0 },
      { when: () => ({ problem: { message: "", try: "" } }) },
    );
    assert.equal(
      parsed.kind === "invalid" && parsed.problems.map(printProblem).join(),
      'api spec.mode: "x" is not one of Observe, Shadow, Enforce [PKT0205]',
    );
  });

  it("points at the character of a condition that is wrong", () => {
    const rule = "{ name: r, effect: Allow, match: [{ path: / }], when: 'request.nosuch == 1' }";
    const text = policyText("access:", "  rules:", `    - ${rule}`);
    const [problem] = problemsOf(text);
    assert.equal(problem?.code, "PKT0211");
    assert.equal(problem.line, 7);
    const line = text.split("\n")[6] ?? "";
    assert.equal(problem.column, line.indexOf("request.nosuch") + 1);
  });
});

describe("millisOf", () => {
  it("reads one whole number with one unit", () => {
    assert.deepEqual(
      ["100ms", "1s", "1m", "24h", "30d", "0s"].map(millisOf),
      [100, 1_000, 60_000, 86_400_000, 2_592_000_000, 0],
    );
    for (const text of ["", "1", "s", "1.5s", "-1s", "1 s", "01s", "1M", "1h30m", "1e3s", "0x1s", "9999999999s"]) {
      assert.equal(millisOf(text), undefined, text);
    }
  });
});

describe("nearestName", () => {
  it("finds a slip of the pen and nothing that is far", () => {
    const names = ["access", "limits", "guards", "identityRefs"];
    assert.equal(nearestName("acess", names), "access");
    assert.equal(nearestName("Limit", names), "limits");
    assert.equal(nearestName("identityRef", names), "identityRefs");
    assert.equal(nearestName("zebra", names), undefined);
    assert.equal(nearestName("a".repeat(10_000), names), undefined);
  });
});

describe("field paths", () => {
  it("name their parent, quoted keys included", () => {
    const path = itemPath(fieldPath(fieldPath("metadata", "labels"), 'a."]['), 3);
    assert.equal(path, 'metadata.labels["a.\\"]["][3]');
    const parents: string[] = [];
    for (let at = parentPath(path); at !== undefined; at = parentPath(at)) parents.push(at);
    assert.deepEqual(parents, ['metadata.labels["a.\\"]["]', "metadata.labels", "metadata", ""]);
  });
});
