import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createReflector, type Reflector } from "../../../operator/kube/reflector.ts";
import { createTransport, type KubeTransport } from "../../../operator/kube/transport.ts";
import { systemClock } from "../../../platform/clock.ts";
import { kubeClientContract } from "../../contract/kube-client.ts";
import { countedMetrics, silentLog } from "../../operator/kube/parts.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";

describe("the Kubernetes client and a real API server", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
  });
  after(() => cluster.stop());

  kubeClientContract("a real API server", async () => cluster.kubeconfig);

  describe("faults", () => {
    const log = silentLog(systemClock);
    const counted = countedMetrics();
    const stop = new AbortController();
    let namespace: string;
    let transport: KubeTransport;
    /** Finds silence soon, which would mend other faults too; so there is one that does not. */
    let impatient: Reflector<unknown>;
    let reflector: Reflector<unknown>;

    before(async () => {
      namespace = await cluster.namespace("faults");
      transport = await createTransport({ kubeconfig: cluster.kubeconfig, log, clock: systemClock });
      const reflect = (resource: string, patience: { readonly silenceMs?: number }): Reflector<unknown> =>
        createReflector<unknown>({
          transport,
          resource,
          path: `/api/v1/namespaces/${namespace}/configmaps`,
          query: { labelSelector: "faults=yes" },
          transform: ({ data }) => data,
          changed: () => {},
          metrics: counted.metrics,
          clock: systemClock,
          random: Math.random,
          log,
          ...patience,
        });
      for (const name of ["a", "b", "c"]) await write(name, "1");
      reflector = reflect("patient", {});
      impatient = reflect("impatient", { silenceMs: 3_000 });
      for (const one of [reflector, impatient]) one.start(stop.signal);
      await Promise.all([reflector.synced, impatient.synced]);
    });
    after(async () => {
      stop.abort();
      transport.close();
      await cluster.removeNamespace(namespace);
    });

    const write = async (name: string, value: string): Promise<void> => {
      const metadata = { name, labels: { faults: "yes" } };
      const path = `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=test&force=true`;
      const body = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } };
      const { status } = await cluster.call("PATCH", path, { body, contentType: "application/apply-patch+yaml" });
      assert.ok(status < 300, String(status));
    };
    const remove = (name: string) => cluster.call("DELETE", `/api/v1/namespaces/${namespace}/configmaps/${name}`);
    const kill = async (): Promise<void> => {
      cluster.programs.signal("kube-apiserver", "SIGKILL");
      await poll(async () => !cluster.programs.isAlive("kube-apiserver"), { timeoutMs: 10_000, what: "its end" });
    };
    const revive = async (): Promise<void> => {
      const isReady = async (): Promise<boolean> => {
        // A program that was just killed may still hold its port; then the new one ends at once.
        if (!cluster.programs.isAlive("kube-apiserver")) cluster.programs.restart("kube-apiserver");
        return (await cluster.call("GET", "/readyz")).status === 200;
      };
      await poll(isReady, { timeoutMs: 50_000, what: "its return" });
    };
    const idleLists = (): Promise<number> =>
      counted.value("picket_kube_lists_total", { resource: "impatient", cause: "idle" });

    /** What the API server itself says, against what the client knows. */
    const knows = async (one: Reflector<unknown>): Promise<boolean> => {
      const path = `/api/v1/namespaces/${namespace}/configmaps?labelSelector=faults%3Dyes`;
      const { body } = await cluster.call("GET", path);
      const { items } = body as { items: { metadata: { name: string }; data: unknown }[] };
      const truth = items.map(({ metadata, data }) => [`${namespace}/${metadata.name}`, data]);
      const known = [...one.items()].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return JSON.stringify(known) === JSON.stringify(truth);
    };
    const converged = (one = reflector): Promise<unknown> =>
      poll(() => knows(one), { timeoutMs: 40_000, what: "all that there is" });

    it("L01: are over soon after the API server is back, with all that happened", async () => {
      await kill();
      assert.equal(reflector.items().size, 3);
      await revive();
      await write("b", "2");
      await remove("a");
      await converged();
      assert.equal(reflector.items().size, 2);
    });

    it("L02, L03: misses nothing when etcd was compacted while no watch was open", async () => {
      await kill();
      await compact(etcdUrl(cluster));
      await revive();
      await write("d", "1");
      await remove("b");
      await compact(etcdUrl(cluster));
      await converged();
    });

    it("L04: finds an API server that is frozen with every connection open, and goes on when it thaws", async () => {
      const before = await idleLists();
      const silences = (): Promise<number> =>
        counted.value("picket_kube_watch_restarts_total", { resource: "impatient", cause: "idle" });
      const silencesBefore = await silences();
      cluster.programs.signal("kube-apiserver", "SIGSTOP");
      try {
        await poll(async () => (await silences()) > silencesBefore, {
          timeoutMs: 60_000,
          what: "the silence to be found",
        });
      } finally {
        cluster.programs.signal("kube-apiserver", "SIGCONT");
      }
      await poll(async () => (await idleLists()) > before, { timeoutMs: 60_000, what: "a list" });
      await write("e", "1");
      await converged(impatient);
      await converged();
    });
  });
});

/** Where etcd of the cluster serves its clients, by the command that it runs with. */
function etcdUrl({ programs }: Cluster): string {
  const flags = readFileSync(`/proc/${programs.pid("etcd")}/cmdline`, "utf8").split("\0");
  const flag = flags.find((text) => text.startsWith("--listen-client-urls="));
  assert.ok(flag !== undefined);
  return flag.slice("--listen-client-urls=".length);
}

/** Forgets all history up to now. */
async function compact(url: string): Promise<void> {
  const ask = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${url}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
  };
  const { header } = (await ask("kv/range", { key: Buffer.from("none").toString("base64") })) as {
    header: { revision: string };
  };
  await ask("kv/compaction", { revision: header.revision, physical: true });
}
