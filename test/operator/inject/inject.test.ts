import { reservedPorts } from "../../../operator/translate/pod-shape.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { inject, markNotInjected, type InjectionContext } from "../../../operator/inject/inject.ts";
import type { Pod } from "../../../operator/inject/pod.ts";
import { judgedPorts, parsePorts, portsMax, sidecarPort } from "../../../operator/inject/ports.ts";
import { warningCharactersMax, warningsMax } from "../../../operator/inject/warnings.ts";
import { settings } from "../../golden/inject/cases.ts";
import { applyPatch } from "./apply-patch.ts";

const asking: InjectionContext = {
  namespace: { name: "bank", labels: { "picket.dev/inject": "enabled" }, annotations: {} },
  settings,
};

/** Mostly what can be injected, seldom what cannot. */
const seldom = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: usual, weight: 40 }, { arbitrary: odd, weight: 1 });
const names = seldom(
  fc.constantFrom("app", "constructor", "__proto__"),
  fc.constantFrom("picket-proxy", "istio-proxy"),
);
const initNames = fc.constantFrom("app", "picket-proxy", "picket-redirect");
const port = seldom(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(0, 15_006, 15_020, 70_000));
const probe = fc.record(
  {
    httpGet: fc.record(
      { port: fc.oneof(port, fc.constantFrom("http", "none")), path: fc.webPath(), host: fc.constant("x") },
      { requiredKeys: ["port"] },
    ),
    tcpSocket: fc.record({ port: fc.oneof(port, fc.constantFrom("http", "none")) }),
    grpc: fc.record({ port, service: fc.string() }, { requiredKeys: ["port"] }),
    periodSeconds: fc.nat(),
  },
  { requiredKeys: [] },
);
const container = (name: fc.Arbitrary<string>) =>
  fc.record(
    {
      name,
      ports: fc.array(
        fc.record(
          { containerPort: port, name: fc.constantFrom("http", "x"), protocol: fc.constantFrom("TCP", "UDP") },
          { requiredKeys: ["containerPort"] },
        ),
      ),
      readinessProbe: probe,
      livenessProbe: probe,
      restartPolicy: fc.constant("Always"),
      volumeMounts: fc.array(fc.record({ name: seldom(fc.constant("data"), fc.constant("picket-run")) })),
    },
    { requiredKeys: ["name"] },
  );
const pod = fc
  .record({
    metadata: fc.record(
      {
        labels: fc.dictionary(fc.constantFrom("picket.dev/inject", "app"), fc.constantFrom("true", "false")),
        annotations: fc.dictionary(
          fc.constantFrom("picket.dev/ports", "picket.dev/exclude-ports", "picket.dev/capture-mode"),
          fc.constantFrom("", "8080", "1,2", "x", "Port", "Redirect", "99999"),
        ),
      },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        containers: fc.array(container(names), { minLength: 1, maxLength: 3 }),
        initContainers: fc.array(container(initNames), { maxLength: 3 }),
        volumes: fc.array(fc.record({ name: fc.constantFrom("data", "picket-run") })),
      },
      { requiredKeys: ["containers"] },
    ),
  })
  .map((value): unknown => JSON.parse(JSON.stringify(value)));
const namespace = fc.record({
  name: fc.constantFrom("bank", "kube-system"),
  labels: fc.dictionary(fc.constantFrom("picket.dev/inject"), fc.constantFrom("enabled", "disabled")),
  annotations: fc.dictionary(
    fc.constantFrom("picket.dev/allow-exclude-ports", "picket.dev/capture-mode"),
    fc.constantFrom("true", "Port", "Redirect"),
  ),
});

describe("inject", () => {
  it("answers whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.object()), (value) => {
        const { kind } = inject(value, asking);
        assert.ok(kind === "refused" || kind === "injected");
      }),
    );
  });

  it("changes nothing at a second look, and its patch makes its pod", () => {
    let injected = 0;
    fc.assert(
      fc.property(pod, namespace, (value, space) => {
        const context = { namespace: space, settings };
        const first = inject(value, context);
        if (first.kind !== "injected") return;
        injected++;
        assert.deepEqual(applyPatch(value, first.patch), first.pod);
        const second = inject(first.pod, context);
        assert.deepEqual(second, { ...first, patch: [] });
      }),
      { numRuns: 2_000 },
    );
    assert.ok(injected > 20, `only ${injected} were injected`);
  });

  it("puts the redirection and the proxy before everything else, whoever came first", () => {
    fc.assert(
      fc.property(pod, (value) => {
        const result = inject(value, asking);
        if (result.kind !== "injected") return;
        const names = (result.pod.spec.initContainers ?? []).map(({ name }) => name);
        const redirected = result.pod.metadata.annotations?.["picket.dev/capture"] === "Redirect";
        assert.deepEqual(names.slice(0, 2).includes("picket-proxy"), true);
        assert.equal(names.indexOf("picket-proxy"), redirected ? 1 : 0);
        assert.equal(names.filter((name) => name.startsWith("picket-")).length, redirected ? 2 : 1);
      }),
    );
  });

  it("never injects into its own or the system's namespaces, whatever the pod says", () => {
    for (const name of ["picket-system", "kube-system", "kube-public", "kube-node-lease"]) {
      const labelled = {
        metadata: { labels: { "picket.dev/inject": "true" } },
        spec: { containers: [{ name: "app" }] },
      };
      const result = inject(labelled, { ...asking, namespace: { ...asking.namespace, name } });
      assert.equal(result.kind, "skipped", name);
    }
  });

  it("leaves an unreadable pod alone that asked for nothing, and refuses one that asked", () => {
    const broken = (label: string) => ({ metadata: { labels: { "picket.dev/inject": label } }, spec: 7 });
    const elsewhere = { ...asking, namespace: { ...asking.namespace, labels: {} } };
    assert.deepEqual(inject({ spec: 7 }, elsewhere), { kind: "skipped", reason: "not-asked" });
    assert.deepEqual(inject(broken("false"), asking), { kind: "skipped", reason: "opted-out" });
    assert.equal(inject(broken("true"), elsewhere).kind, "refused");
  });

  it("keeps its warnings few and short", () => {
    const ports = Array.from({ length: 100 }, (_, index) => ({ containerPort: index + 1, protocol: "UDP" }));
    const containers = [{ name: "x".repeat(10_000), ports }];
    const result = inject({ metadata: {}, spec: { containers } }, asking);
    assert.ok(result.kind === "injected");
    assert.equal(result.warnings.length, warningsMax);
    assert.ok(result.warnings.every((text) => text.length <= warningCharactersMax));
  });

  it("does not let the kubelet expand what stands in the bootstrap", () => {
    const result = inject({ metadata: {}, spec: { containers: [{ name: "app" }] } }, asking);
    assert.ok(result.kind === "injected");
    const text = JSON.stringify(result.pod.spec.initContainers);
    assert.match(text, /\$\$\(HOME\)/);
  });

  it("gives a template of its own to every setting", () => {
    const id = (changed: Partial<typeof settings>): unknown => {
      const context = { ...asking, settings: { ...settings, ...changed } };
      const result = inject({ metadata: {}, spec: { containers: [{ name: "app" }] } }, context);
      return result.kind === "injected" && result.pod.metadata.annotations?.["picket.dev/template"];
    };
    const ids = [{}, { proxyImage: "other" }, { bootstrap: "{}" }, { drainSeconds: 1 }, { resources: {} }].map(id);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(id({ failurePolicy: "Ignore" }), ids[0]);
  });
});

describe("markNotInjected", () => {
  it("says why, takes a claim of injection away and leaves all else", () => {
    const before = {
      metadata: { labels: { app: "a", "picket.dev/injected": "true" } },
      spec: { containers: [{ name: "app" }] },
    };
    assert.deepEqual(applyPatch(before, markNotInjected(before, "because")), {
      metadata: { labels: { app: "a" }, annotations: { "picket.dev/not-injected": "because" } },
      spec: { containers: [{ name: "app" }] },
    });
  });

  it("changes nothing of what it cannot read", () => {
    assert.deepEqual(markNotInjected({ spec: 7 }, "because"), []);
  });
});

describe("ports", () => {
  it("reads lists of ports strictly", () => {
    for (const text of ["x", "0", "08", "65536", "1,,2", ",", "1,", "1;2", "+1", "1e3", "٣", " ", "1\n"]) {
      assert.equal(parsePorts(text), undefined, JSON.stringify(text));
    }
    assert.deepEqual(parsePorts(" 9090 ,80,9090"), [80, 9090]);
    assert.deepEqual(parsePorts(undefined), []);
    assert.equal(parsePorts(Array.from({ length: portsMax }, (_, i) => i + 1).join(","))?.length, portsMax);
    assert.equal(parsePorts(Array.from({ length: portsMax + 1 }, (_, i) => i + 1).join(",")), undefined);
  });

  it("gives every port one of the sidecar's that exists and is not reserved", () => {
    for (let port = 1; port <= 65_535; port++) {
      const own = sidecarPort(port);
      assert.ok(own > 0 && own <= 65_535 && Math.abs(own - port) === 20_000 && !reservedPorts.includes(own));
    }
  });

  it("judges what is declared and added, sorted, without what is excluded", () => {
    const value: Pod = {
      metadata: { annotations: { "picket.dev/ports": "7000" } },
      spec: { containers: [{ name: "a", ports: [{ containerPort: 9000 }, { containerPort: 8080, protocol: "TCP" }] }] },
    };
    assert.deepEqual(judgedPorts(value, [9000]), [7000, 8080]);
  });
});
