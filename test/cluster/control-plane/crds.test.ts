import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { apiVersion, parseObject } from "../../../core/policy/parse.ts";
import { checkWhen } from "../../../platform/cel.ts";
import { readCrds } from "../../../scripts/crds.ts";
import { bounds } from "../../core/policy/bounds.ts";
import { placesOf, replaced } from "../../core/policy/mutations.ts";
import { badChanges, badObjects, goodObjects } from "../../crds/bad-objects.ts";
import { examples, type AnyObject } from "../../crds/objects.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";

const folder = join(import.meta.dirname, "../../../crds");
const crds = new Map(readCrds().map((crd) => [crd.kind, crd]));

/** What only the readers know: what is not enforced yet, the details of paths, doubles, conditions and keys. */
const readersOnly = new Set(["PKT0202", "PKT0208", "PKT0210", "PKT0211", "PKT0213"]);

/** Values that stand where they do not belong, and some that do. */
const odd: readonly unknown[] = (
  [
    [undefined, null, "", 0, -1, 1, 1.5, 65_537, true, false, [], {}, [[]], ["GET"], { claim: "a" }, { header: "x-a" }],
    ["Allow", "Deny", "Enforce", "Floor", "Principal", "1m", "1d", "01m", "90s", "a b", "A", "a.b", "a-", "ü", "😀"],
    ["x".repeat(64), "x".repeat(300), "a\nb", "\u0000", "https://a.example/x?y=1", "HTTPS://A.example"],
    ["/**", "/", "//", "/a/{id}", "/a/{b:int}/{c}", "/a/%41", "/%7e", "/a/.", "/é", "/{a}{b}", "/a/:b", "/a;b", "*"],
  ] as readonly (readonly unknown[])[]
).flat();

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

describe("crds/ in a real API server", function () {
  let cluster: Cluster;
  let namespace: string;
  /** Whether they were made here; a chart that is installed has its own and needs them. */
  let isOurs = false;
  this.timeout(30_000);

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/apipolicies.picket.dev";
    isOurs = (await cluster.call("GET", definition)).status === 404;
    if (isOurs) await apply(folder);
    await cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", ...names("crd", "picket.dev")]);
    namespace = await cluster.namespace("crds");
    // Admission takes part a moment after it was made.
    const isRefused = async (): Promise<boolean> =>
      (await dryRun({ kind: "ApiPolicy", spec: { acess: {} } })).status >= 400;
    await poll(isRefused, { timeoutMs: 30_000, what: "the admission of unknown fields" });
  });

  after(async function () {
    this.timeout(clusterStartMs);
    await cluster?.removeNamespace(namespace);
    // Helm takes over nothing that somebody else has made.
    if (isOurs) await cluster.kubectl(["delete", "--filename", folder]);
    await cluster?.stop();
  });

  const names = (type: string, suffix: string): readonly string[] =>
    [...crds.values()].map(({ plural }) => `${type}/${plural}.${suffix}`);
  const apply = (path: string, manager = "crds-test", stdin?: string): Promise<string> =>
    cluster.kubectl(
      ["apply", "--server-side", "--force-conflicts", `--field-manager=${manager}`, "--filename", path],
      stdin === undefined ? {} : { stdin },
    );

  function pathOf(kind: string, name = ""): string {
    const { plural, scope } = crds.get(kind)!;
    const where = scope === "Cluster" ? "" : `/namespaces/${namespace}`;
    return `/apis/${apiVersion}${where}/${plural}${name === "" ? "" : `/${name}`}`;
  }

  function objectOf({ kind, name, spec }: { kind: string; name?: string | undefined; spec: unknown }): AnyObject {
    const isOnly = kind === "PicketConfig";
    return { apiVersion, kind, metadata: { name: name ?? (isOnly ? "default" : "a") }, spec };
  }

  /** Asks without keeping, and without the checks that only kubectl asks for. */
  async function dryRun(object: { kind: string; name?: string | undefined; spec: unknown }): Promise<Answer> {
    return cluster.call("POST", `${pathOf(object.kind)}?dryRun=All&fieldValidation=Ignore`, { body: objectOf(object) });
  }

  const messageOf = ({ body }: Answer): string => String((body as { readonly message?: unknown }).message);

  function assertRefused(answer: Answer, says: string): void {
    assert.equal(answer.status, 422, messageOf(answer));
    assert.ok(messageOf(answer).includes(says), messageOf(answer));
  }

  describe("refuses", () => {
    for (const bad of badObjects) {
      it(`${bad.kind}: ${bad.title}`, async () => {
        assertRefused(await dryRun(bad), bad.says);
      });
    }

    for (const { title, kind, before: first, after: second, says } of badChanges) {
      it(`a change of ${kind}: ${title}`, async () => {
        const { metadata, ...object } = objectOf({ kind, name: "changing", spec: first });
        const made = await cluster.call("POST", pathOf(kind), { body: { ...object, metadata } });
        assert.equal(made.status, 201, messageOf(made));
        try {
          const { resourceVersion } = (made.body as { readonly metadata: { readonly resourceVersion: string } })
            .metadata;
          const body = { ...object, spec: second, metadata: { ...metadata, resourceVersion } };
          assertRefused(await cluster.call("PUT", pathOf(kind, "changing"), { body }), says);
        } finally {
          await cluster.call("DELETE", pathOf(kind, "changing"));
        }
      });
    }

    for (const [what, max, make] of bounds) {
      it(`one more than the readers take: ${what}`, async () => {
        const { kind, metadata, spec } = JSON.parse(make(max + 1)) as AnyObject;
        const answer = await dryRun({ kind, name: metadata.name, spec });
        assert.equal(answer.status, 422, messageOf(answer));
      });
    }
  });

  describe("accepts", () => {
    for (const { file, object } of examples()) {
      it(`${file}: ${object.kind} ${object.metadata.name}, and keeps it as it is`, async () => {
        const answer = await dryRun({ kind: object.kind, name: object.metadata.name, spec: object.spec });
        assert.equal(answer.status, 201, messageOf(answer));
        assert.deepEqual((answer.body as AnyObject).spec, object.spec);
      });
    }

    for (const { kind, spec } of goodObjects) {
      it(`a good ${kind}, and keeps it as it is`, async () => {
        const answer = await dryRun({ kind, spec });
        assert.equal(answer.status, 201, messageOf(answer));
        assert.deepEqual((answer.body as AnyObject).spec, spec);
      });
    }

    for (const [what, max, make] of bounds) {
      it(`as much as the readers take: ${what}`, async () => {
        const { kind, metadata, spec } = JSON.parse(make(max)) as AnyObject;
        const answer = await dryRun({ kind, name: metadata.name, spec });
        assert.equal(answer.status, 201, messageOf(answer));
      });
    }

    it("the largest policy that its bounds allow in the size of a request", async () => {
      const match = Array.from({ length: 16 }, (_, i) => ({
        methods: ["GET"],
        path: `/v1/${"x".repeat(200)}/{id}/${i}`,
      }));
      const require = {
        owner: { path: "id", claim: "sub" },
        scopes: Array.from({ length: 32 }, (_, i) => `scope-${i}`),
      };
      const rules = Array.from({ length: 128 }, (_, i) => ({ name: `r${i}`, effect: "Allow", match, require }));
      const answer = await dryRun({ kind: "ApiPolicy", spec: { access: { rules } } });
      assert.equal(answer.status, 201, messageOf(answer));
    });
  });

  it("agrees with the readers about objects in which anything may stand anywhere", async function () {
    this.timeout(clusterStartMs);
    const objects = [...examples().map(({ object }) => object), ...goodObjects].filter(({ kind }) =>
      /Policy|Identity|Config/.test(kind),
    );
    const mutations = fc.constantFrom(...objects).chain(({ kind, spec }) =>
      fc.record({
        kind: fc.constant(kind),
        spec: fc.constant(spec),
        path: fc.constantFrom(...placesOf(spec)),
        by: fc.constantFrom(...odd),
      }),
    );
    const isTaken = async ({
      kind,
      spec,
      path,
      by,
    }: {
      kind: string;
      spec: unknown;
      path: readonly (string | number)[];
      by: unknown;
    }): Promise<void> => {
      const object = objectOf({ kind, spec: replaced(spec, path, by) });
      const answer = await dryRun(object);
      assert.ok([201, 422].includes(answer.status), messageOf(answer));
      assert.doesNotMatch(messageOf(answer), /evaluation error|no such overload|no such key/);
      const metadata = { ...object.metadata, ...(crds.get(kind)!.scope === "Namespaced" && { namespace }) };
      const value = JSON.parse(JSON.stringify({ ...object, metadata })) as unknown;
      const parsed = parseObject({ file: "a", value, lineOf: () => 0 }, { when: checkWhen });
      const wrong = parsed.kind === "invalid" ? parsed.problems.filter(({ code }) => !readersOnly.has(code)) : [];
      if (parsed.kind !== "invalid") assert.equal(answer.status, 201, messageOf(answer));
      if (answer.status === 201) assert.deepEqual(wrong, []);
    };
    await fc.assert(fc.asyncProperty(mutations, isTaken), { seed: 1, numRuns: 1_000, endOnFailure: true });
  });

  it("says with strict and with lenient clients what is unknown", async () => {
    for (const validation of ["Strict", "Warn", "Ignore"]) {
      const body = objectOf({ kind: "ApiPolicy", spec: { mode: "Enforce", acces: {} } });
      const path = `${pathOf("ApiPolicy")}?dryRun=All&fieldValidation=${validation}`;
      assertRefused(await cluster.call("POST", path, { body }), "in spec there is no field acces");
    }
  });

  it("merges the rules and limits of two managers, and each takes back only its own", async () => {
    const text = (rule: string, limits: readonly string[]): string =>
      JSON.stringify({
        ...objectOf({ kind: "ApiPolicy", name: "shared", spec: undefined }),
        metadata: { name: "shared", namespace },
        spec: {
          access: { rules: [{ name: rule, effect: "Allow", match: [{ path: `/${rule}` }] }] },
          limits: limits.map((name) => ({ name, requests: 1, window: "1m" })),
        },
      });
    await apply("-", "one", text("first", ["a"]));
    await apply("-", "two", text("second", ["b", "c"]));
    await apply("-", "two", text("second", ["c"]));
    const { body } = await cluster.call("GET", pathOf("ApiPolicy", "shared"));
    const { spec } = body as { spec: { access: { rules: { name: string }[] }; limits: { name: string }[] } };
    assert.deepEqual(
      spec.access.rules.map(({ name }) => name),
      ["first", "second"],
    );
    assert.deepEqual(
      spec.limits.map(({ name }) => name),
      ["a", "c"],
    );
  });

  it("shows in columns what is in force, and never takes a status from whoever writes the object", async () => {
    const spec = { mode: "Enforce", access: { default: "Deny" } };
    const time = "2026-01-05T09:00:00Z";
    const condition = (type: string, reason: string): object => ({
      type,
      status: "True",
      reason,
      message: "",
      lastTransitionTime: time,
      observedGeneration: 1,
    });
    const status = {
      conditions: [condition("Accepted", "Accepted"), condition("Programmed", "Programmed")],
      observedGeneration: 1,
      revision: "r1",
      mode: "Enforce",
      wouldDeny: 7,
      proxies: { current: 3, total: 3, rejected: 0, summary: "3/3" },
      scorers: { current: 2, total: 2, rejected: 0, summary: "2/2" },
      overriddenBy: ["floor"],
      workloads: [{ name: "bank/accounts", mode: "Enforce", revision: "r1", state: "Open", message: "" }],
      problems: [],
    };
    const object = objectOf({ kind: "ApiPolicy", name: "shown", spec });
    const made = await cluster.call("POST", pathOf("ApiPolicy"), { body: { ...object, status } });
    assert.equal(made.status, 201, messageOf(made));
    assert.equal((made.body as { readonly status?: unknown }).status, undefined);
    const { resourceVersion } = (made.body as { readonly metadata: { readonly resourceVersion: string } }).metadata;
    const body = { ...object, metadata: { ...object.metadata, resourceVersion }, status };
    const written = await cluster.call("PUT", `${pathOf("ApiPolicy", "shown")}/status`, { body });
    assert.equal(written.status, 200, messageOf(written));
    assert.deepEqual((written.body as { readonly status: unknown }).status, status);
    const table = await cluster.kubectl(["get", "apol", "shown", "--namespace", namespace]);
    const [head = "", row = ""] = table.trim().split("\n");
    assert.deepEqual(head.split(/\s{2,}/), ["NAME", "MODE", "ACCEPTED", "PROGRAMMED", "PROXIES", "WOULD-DENY", "AGE"]);
    assert.deepEqual(row.split(/\s+/).slice(0, 6), ["shown", "Enforce", "True", "True", "3/3", "7"]);
    const waited = ["wait", "--for=condition=Programmed", "apol/shown", "--namespace", namespace, "--timeout=10s"];
    assert.match(await cluster.kubectl(waited), /condition met/);
    const chosen = [
      "get",
      "apol",
      "--namespace",
      namespace,
      "--field-selector",
      "spec.mode=Enforce",
      "--output",
      "name",
    ];
    assert.match(await cluster.kubectl(chosen), /apipolicy\.picket\.dev\/shown/);
    assert.match(await cluster.kubectl(["get", "picket", "--namespace", namespace, "--output", "name"]), /shown/);
  });

  it("refuses a status that holds what no operator writes", async () => {
    const object = objectOf({ kind: "ApiPolicy", name: "status", spec: {} });
    const made = await cluster.call("POST", pathOf("ApiPolicy"), { body: object });
    const { resourceVersion } = (made.body as { readonly metadata: { readonly resourceVersion: string } }).metadata;
    const put = (status: object): Promise<Answer> =>
      cluster.call("PUT", `${pathOf("ApiPolicy", "status")}/status`, {
        body: { ...object, metadata: { ...object.metadata, resourceVersion }, status },
      });
    assertRefused(await put({ mode: "enforce" }), "Unsupported value");
    assertRefused(
      await put({ overriddenBy: Array.from({ length: 33 }, (_, i) => `p${i}`) }),
      "must have at most 32 items",
    );
    assertRefused(await put({ problems: [{ code: "PKT0201" }] }), "Required value");
  });

  it("explains every kind, down to the parts of a rule", async () => {
    for (const [kind, { plural }] of crds) {
      const text = await cluster.kubectl(["explain", `${plural}.picket.dev`]);
      assert.ok(text.includes(kind) && !text.includes("<empty>"), text);
    }
    const rules = await cluster.kubectl(["explain", "apol.spec.access.rules"]);
    for (const part of ["Any matching Deny wins", "match", "effect", "A condition in CEL"])
      assert.ok(rules.includes(part), rules);
    const recursive = await cluster.kubectl(["explain", "apol.spec", "--recursive"]);
    for (const field of ["targetRefs", "authenticationLevel", "maxJsonDepth"])
      assert.ok(recursive.includes(field), field);
  });
});
