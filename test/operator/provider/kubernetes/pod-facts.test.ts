import assert from "node:assert/strict";
import { portsMax } from "../../../../operator/inject/ports.ts";
import { podFacts } from "../../../../operator/provider/kubernetes/pod-facts.ts";
import { pod, podObject } from "./objects.ts";

const ports = (options: Parameters<typeof pod>[0]): readonly number[] =>
  pod(options).shape!.ports.map(({ port }) => port);

describe("facts of a pod", () => {
  it("names the controller that people know", () => {
    assert.deepEqual(pod().owner, { kind: "Deployment", name: "accounts" });
    const cases: readonly [string, string, string, string][] = [
      ["StatefulSet", "ledger", "StatefulSet", "ledger"],
      ["DaemonSet", "edge", "DaemonSet", "edge"],
      ["Job", "report", "Job", "report"],
      ["Job", "report-29374620", "CronJob", "report"],
      // A ReplicaSet that nobody made from a Deployment keeps its own name.
      ["ReplicaSet", "lonely", "ReplicaSet", "lonely"],
    ];
    for (const [kind, name, ownerKind, ownerName] of cases) {
      assert.deepEqual(pod({ owner: { kind, name } }).owner, { kind: ownerKind, name: ownerName });
    }
  });

  it("goes on as whose it was when its controller let it go", () => {
    const orphan = (metadata: object): unknown => {
      const object = podObject();
      return podFacts({ ...object, metadata: { ...object.metadata, ownerReferences: [], ...metadata } }).owner;
    };
    assert.deepEqual(orphan({ generateName: "accounts-5d9c-" }), { kind: "Deployment", name: "accounts" });
    const set = { "controller-revision-hash": "x", "statefulset.kubernetes.io/pod-name": "ledger-0" };
    assert.deepEqual(orphan({ name: "ledger-0", labels: set }), { kind: "StatefulSet", name: "ledger" });
    const daemon = { "controller-revision-hash": "x" };
    assert.deepEqual(orphan({ labels: daemon, generateName: "edge-" }), { kind: "DaemonSet", name: "edge" });
    assert.deepEqual(orphan({ name: "lone", labels: {} }), { kind: "Pod", name: "lone" });
  });

  it("takes no owner that no controller could be", () => {
    for (const owner of [
      { kind: "ReplicaSet", name: "x".repeat(254) },
      { kind: "Job", name: "a/b" },
      { kind: "Statefulset/ledger:1|x", name: "a" },
    ]) {
      assert.deepEqual(pod({ owner }).owner, { kind: "Pod", name: "accounts-5d9c-x2x4z" });
    }
  });

  it("judges declared TCP ports, those of sidecars too, and never its own", () => {
    assert.deepEqual(ports({ ports: [{ containerPort: 9090 }, { containerPort: 53, protocol: "UDP" }] }), [9090]);
    const initContainers = [
      { name: "picket-proxy", restartPolicy: "Always", ports: [{ containerPort: 28080 }] },
      { name: "helper", restartPolicy: "Always", ports: [{ containerPort: 7000 }] },
      { name: "setup", ports: [{ containerPort: 7001 }] },
    ];
    assert.deepEqual(
      ports({ spec: { initContainers, containers: [{ name: "app", ports: [{ containerPort: 8080 }] }] } }),
      [7000, 8080],
    );
  });

  it("adds ports that an annotation names and leaves out excluded ones", () => {
    const annotations = { "picket.dev/ports": "9000, 8080", "picket.dev/excluded-ports": "9090" };
    assert.deepEqual(ports({ annotations, ports: [{ containerPort: 8080 }, { containerPort: 9090 }] }), [8080, 9000]);
    assert.deepEqual(ports({ annotations: { "picket.dev/ports": "9000,junk" } }), [8080]);
  });

  it("reads by the name of a port that it speaks HTTP/2", () => {
    const shape = pod({
      ports: [
        { containerPort: 1, name: "grpc" },
        { containerPort: 2, name: "grpc-admin" },
        { containerPort: 3, name: "h2c-x" },
        { containerPort: 4, name: "http" },
        { containerPort: 5, name: "grpcish" },
      ],
    }).shape!;
    assert.deepEqual(
      shape.ports.map(({ protocol }) => protocol),
      ["http2", "http2", "http2", "http1", "http1"],
    );
  });

  it("reads rewritten probes and nothing else", () => {
    const rewritten = (path: string, more: object = {}): object => ({ httpGet: { port: 15_020, path, ...more } });
    const container = {
      livenessProbe: { ...rewritten("/http/8080/healthz?full=1"), periodSeconds: 20, timeoutSeconds: 3 },
      readinessProbe: { ...rewritten("/http/8080/healthz?full=1"), periodSeconds: 5 },
      startupProbe: rewritten("/grpc/8080/"),
    };
    const shape = pod({ container }).shape!;
    assert.deepEqual(
      shape.probes.map(({ path, target, periodSeconds, timeoutSeconds }) => [
        path,
        target,
        periodSeconds,
        timeoutSeconds,
      ]),
      [
        ["/grpc/8080/", { kind: "grpc", port: 8080, service: "" }, 10, 1],
        ["/http/8080/healthz?full=1", { kind: "http", port: 8080, path: "/healthz?full=1" }, 5, 3],
      ],
    );
    for (const path of ["/http/0/x", "/http/99999/x", "/ftp/80/x", "/http/80x", "healthz", "/tcp/"]) {
      assert.deepEqual(pod({ container: { livenessProbe: rewritten(path) } }).shape!.probes, [], path);
    }
    assert.deepEqual(
      pod({ container: { livenessProbe: { httpGet: { port: 8080, path: "/http/1/x" } } } }).shape!.probes,
      [],
    );
  });

  it("has no shape without a sidecar, and bounds what one pod may add", () => {
    assert.equal(pod({ spec: { initContainers: [] } }).shape, undefined);
    const many = Array.from({ length: 200 }, (_, i) => ({ containerPort: 1000 + i }));
    assert.equal(ports({ ports: many }).length, portsMax);
  });

  it("has the shape of its sidecar whatever its labels are changed to", () => {
    assert.deepEqual(pod({ labels: { "picket.dev/injected": "false" } }).shape, pod().shape);
  });

  it("survives fields of any type", () => {
    const strange = [null, 1, "x", [], {}, [null], [1], [[]], true];
    for (const value of strange) {
      const facts = pod({
        spec: { containers: value, initContainers: value },
        status: { podIP: value, conditions: value },
      });
      assert.deepEqual([facts.shape, facts.ports], [undefined, []]);
    }
  });
});
