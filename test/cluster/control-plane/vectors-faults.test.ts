import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterStartMs, startCluster, type Cluster } from "../cluster.ts";
import { Unavailable } from "../rig/unavailable.ts";
import { ask } from "../stand/asker.ts";
import { policyFor } from "../stand/policy.ts";
import type { FrontCall } from "../stand/api-front.ts";
import { installNamespace, Stand, type Proxy, type Replica } from "../stand/stand.ts";
import { RefusingProxy } from "../stand/strangers.ts";

/** Calls of one operator in a second, whatever the API server answers. */
const callsPerSecondMax = 20;
/** Writes of one object in a second, whoever writes against it. */
const writesPerSecondMax = 5;
const fightMs = 8_000;
/** Starts in a row that may end by a planned kill. */
const crashesMax = 80;
/** After everything is made, what may still be written: statuses at their own pace. */
const settleMs = 7_000;

/** So long without a write means that none is on its way. */
const stillMs = 1_500;
/** A proxy that refused is left alone for so long, but for so many answers. */
const quietMs = 5_000;
const answersMax = 2;

/** Reviews of tokens write nothing, and the lease is how replicas agree who writes. */
function isWrite({ verb, path }: FrontCall): boolean {
  return ["POST", "PUT", "PATCH", "DELETE"].includes(verb) && !/tokenreviews|\/leases/.test(path);
}

describe("control-plane faults under traffic", function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let stand: Stand;
  let namespace: string;
  let proxy: Proxy;
  let serial = 0;

  before(async function () {
    this.timeout(2 * clusterStartMs);
    cluster = await startCluster({ node: false });
    try {
      stand = await Stand.start(cluster);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      process.stderr.write(`${error.message}\n`);
      this.skip();
    }
    await stand.startOperator(1);
    await stand.startScorer();
    namespace = await stand.namespace("bank");
    proxy = await stand.startProxy(namespace, "accounts");
    await cluster.apply([policyFor("accounts", "/open")], namespace);
    await stand.untilStatus(proxy, "/open", 200);
    await stand.untilStatus(proxy, "/closed", 403);
  });
  after(async function () {
    this.timeout(clusterStartMs);
    await stand?.stop();
    await cluster?.stop();
  });

  /** A fault may not let in what is denied; when it leaves running traffic alone, what is allowed goes on too. */
  async function during(fault: () => Promise<void>, { flows }: { readonly flows: boolean }): Promise<void> {
    const asker = ask(stand, proxy);
    try {
      await fault();
    } finally {
      await asker.stop();
    }
    assert.ok((asker.closed.get(403) ?? 0) > 0);
    const letIn = [...asker.closed.keys()].filter((status) => status >= 200 && status < 400);
    assert.deepEqual(letIn, [], `let in: ${JSON.stringify([...asker.closed])}`);
    if (flows) assert.deepEqual([...asker.open.keys()], [200], JSON.stringify([...asker.open]));
  }

  const metricsOf = ({ host }: Replica): Promise<string> => stand.page(host, 15_040, "/metrics");
  const trustPath = (): string => `/api/v1/namespaces/${namespace}/configmaps/picket-trust`;
  const trust = async (): Promise<string> => {
    const found = await stand.read(trustPath());
    return (found?.["data"] as { readonly "ca.crt": string } | undefined)?.["ca.crt"] ?? "";
  };
  const admission = "/apis/admissionregistration.k8s.io/v1";

  /** What the operator makes by itself, without what belongs to one install for ever. */
  const generated = (): readonly string[] => [
    trustPath(),
    `/api/v1/namespaces/${installNamespace}/configmaps/picket-trust`,
    `/api/v1/namespaces/${installNamespace}/secrets/picket-operator-tls`,
    `/api/v1/namespaces/${installNamespace}/secrets/picket-scorer-tls`,
    `${admission}/mutatingadmissionpolicies/picket-injection`,
    `${admission}/mutatingadmissionpolicybindings/picket-injection-pod`,
    `${admission}/validatingadmissionpolicies/picket-injection`,
  ];

  /** What is there of it, without what differs by nature. */
  async function made(): Promise<string> {
    const objects = await Promise.all(generated().map((path) => stand.read(path)));
    return JSON.stringify(
      objects.map((object) => {
        const { data = {}, spec, metadata } = (object ?? {}) as { data?: object; spec?: unknown; metadata?: object };
        const isSecret = object?.["type"] === "kubernetes.io/tls";
        return { name: (metadata as { name?: string })?.name, spec, data: isSecret ? Object.keys(data) : data };
      }),
    );
  }

  /** A changed policy is in force some time after. */
  async function follows(): Promise<void> {
    const path = `/new-${serial++}`;
    await cluster.apply([policyFor("accounts", "/open", path)], namespace);
    await stand.untilStatus(proxy, path, 200);
  }

  it("L01: etcd and the API server are killed: traffic does not notice, and changes come through after", async () => {
    await during(
      async () => {
        const names = ["kube-apiserver", "etcd"] as const;
        for (const name of names) await cluster.programs.stop(name, 0);
        await sleep(4_000);
        for (const name of names.toReversed()) cluster.programs.restart(name);
        await stand.until(
          "the API server to answer",
          async () => (await cluster.call("GET", "/readyz")).status === 200,
        );
        await follows();
      },
      { flows: true },
    );
  });

  it("L07: a leader that was frozen writes nothing after another one leads", async () => {
    const [first] = stand.replicas;
    const second = await stand.startOperator(2);
    const writes = (): readonly FrontCall[] => first!.front.calls.filter(isWrite);
    try {
      await during(
        async () => {
          // What was on its way when it froze would arrive later, which nobody can take back.
          let seen = 0;
          await stand.until("a moment without writes", async () => {
            seen = writes().length;
            await sleep(stillMs);
            return writes().length === seen;
          });
          first!.child.kill("SIGSTOP");
          await stand.until("the other one to lead", async () => /^picket_leader 1$/m.test(await metricsOf(second)));
          await cluster.call("PATCH", trustPath(), {
            contentType: "application/merge-patch+json",
            body: { data: { "ca.crt": "" } },
          });
          first!.child.kill("SIGCONT");
          await stand.until("the trust bundle to be put right", async () => (await trust()) !== "");
          await stand.until("the first one to see it", async () => /^picket_leader 0$/m.test(await metricsOf(first!)));
          await follows();
          assert.deepEqual(writes().slice(seen), []);
        },
        { flows: true },
      );
    } finally {
      first!.child.kill("SIGCONT");
      await stand.end(second.child, "SIGTERM");
    }
    await stand.until("the first one to lead again", async () => /^picket_leader 1$/m.test(await metricsOf(first!)));
    await during(follows, { flows: true });
  });

  it("L08: an operator that is killed at each of its writes, before or after it, makes the same in the end", async () => {
    const before = await made();
    const killed = new Set<string>();
    await during(
      async () => {
        await stand.end(stand.replicas[0]!.child);
        for (const path of generated()) await cluster.call("DELETE", path);
        await cluster.apply([policyFor("accounts", "/open", "/other")], namespace);
        for (let start = 0; ; start++) {
          assert.ok(start < crashesMax, `killed again and again: ${[...killed].join(", ")}`);
          await cluster.call("DELETE", `/apis/coordination.k8s.io/v1/namespaces/picket-system/leases/picket-operator`);
          const { front } = stand.replicas[0]!;
          let isKilled = false;
          const kill = (): void => {
            isKilled = true;
            stand.replicas[0]!.child.kill("SIGKILL");
          };
          front.fault = (call) => {
            // Events have names of chance.
            const key = `${call.verb} ${call.path.replace(/(?<=\/events\/).*/, "")}`;
            if (isKilled) return { kind: "reset" };
            if (!isWrite(call) || killed.has(key)) return { kind: "pass" };
            killed.add(key);
            if (killed.size % 2 === 0) return { kind: "lost", after: kill };
            kill();
            return { kind: "reset" };
          };
          const replica = await stand.startOperator(1, { wait: false });
          await stand.until("its death, or everything made", async () => {
            return isKilled || ((await made()) === before && (await stand.status(proxy, "/other")) === 200);
          });
          if (!isKilled) await sleep(settleMs);
          if (!isKilled) break;
          await stand.end(replica.child);
        }
        stand.replicas[0]!.front.fault = () => ({ kind: "pass" });
      },
      { flows: true },
    );
    assert.ok(killed.size > 10, [...killed].join(", "));
    assert.equal(await made(), before);
    await during(follows, { flows: true });
  });

  it("L01: an operator that starts while the API server is away lives, waits, and serves once it is back", async () => {
    const { child, front, host } = stand.replicas[0]!;
    await during(
      async () => {
        await stand.end(child);
        await front.down();
        const replica = await stand.startOperator(1, { wait: false });
        await stand.until("it to live", async () => (await stand.page(host, 15_040, "/livez")) === "alive\n");
        await sleep(3_000);
        assert.equal(await stand.isReady(replica), false);
        await front.up();
        await stand.until("it to be ready", () => stand.isReady(replica));
        await follows();
      },
      { flows: true },
    );
  });

  it("L08: the last good generation of a policy that is bad by now outlives the operator", async () => {
    await during(
      async () => {
        await follows();
        const bad = policyFor("accounts", "/open", "/closed") as { readonly spec: object };
        await cluster.apply([{ ...bad, spec: { ...bad.spec, identityRefs: [{ name: "nobody" }] } }], namespace);
        await stand.until("the refusal in its status", async () => {
          const policy = await stand.read(`/apis/picket.dev/v1alpha1/namespaces/${namespace}/apipolicies/accounts`);
          return JSON.stringify(policy?.["status"]).includes("there is no identity nobody");
        });
        await stand.end(stand.replicas[0]!.child);
        await stand.startOperator(1);
        await sleep(3_000);
        await stand.end(proxy.child);
        proxy = await stand.restartProxy(proxy);
        await stand.untilStatus(proxy, "/open", 200);
        assert.equal(await stand.status(proxy, "/closed"), 403);
        await follows();
      },
      { flows: false },
    );
  });

  it("L16: the key by which proxies prove themselves is deleted and made anew", async () => {
    const secret = `/api/v1/namespaces/${installNamespace}/secrets/picket-proxy-key`;
    await during(
      async () => {
        const before = await stand.read(secret);
        assert.equal((await cluster.call("DELETE", secret)).status, 200);
        await stand.end(stand.replicas[0]!.child);
        await stand.startOperator(1);
        const after = await stand.read(secret);
        assert.notDeepEqual(after?.["data"], before?.["data"]);
        await follows();
        await stand.untilStatus(proxy, "/open", 200);
      },
      { flows: false },
    );
    await during(follows, { flows: true });
  });

  it("L10: a proxy that refuses everything is counted and not asked in a circle; others go on", async () => {
    const { pod, identity } = await stand.startPod(namespace, "refusing");
    await cluster.apply([policyFor("refusing", "/open")], namespace);
    const refusing = new RefusingProxy(stand.replicas[0]!.host, {
      ca: await stand.authorities(namespace),
      token: readFileSync(join(identity, "token"), "utf8"),
      id: `${namespace}/${pod.metadata.name}/${pod.metadata.uid}`,
    });
    await during(
      async () => {
        await stand.until("a refusal in the status", async () => {
          const policy = await stand.read(`/apis/picket.dev/v1alpha1/namespaces/${namespace}/apipolicies/refusing`);
          return (policy?.["status"] as { readonly proxies?: { readonly rejected: number } })?.proxies?.rejected === 1;
        });
        await follows();
        const before = refusing.answers;
        await sleep(quietMs);
        assert.ok(refusing.answers - before <= answersMax, `${refusing.answers - before} answers`);
        await follows();
      },
      { flows: true },
    );
    refusing.close();
    await cluster.kubectl(["delete", "deployment,apol", "refusing", "--namespace", namespace]);
  });

  it("L17: an API server that fails every tenth request at random is asked no more than before", async () => {
    const { front } = stand.replicas[0]!;
    const answers = [429, 500, 503, 504] as const;
    const before = front.calls.length;
    const started = performance.now();
    front.fault = () => {
      if (Math.random() >= 0.1) return { kind: "pass" };
      const status = answers[Math.floor(Math.random() * (answers.length + 1))];
      return status === undefined ? { kind: "reset" } : { kind: "answer", status };
    };
    await during(
      async () => {
        for (let round = 0; round < 5; round++) {
          await follows();
          await sleep(1_000);
        }
      },
      { flows: true },
    );
    front.fault = () => ({ kind: "pass" });
    const seconds = (performance.now() - started) / 1000;
    const rate = (front.calls.length - before) / seconds;
    assert.ok(rate < callsPerSecondMax, `${rate.toFixed(1)} calls a second`);
  });

  it("L18: somebody who changes what the operator writes, each time anew, does not make it write without end", async () => {
    const { front } = stand.replicas[0]!;
    const before = front.calls.length;
    let edits = 0;
    const fighting = (async () => {
      const end = performance.now() + fightMs;
      while (performance.now() < end) {
        if ((await trust()) !== "mine") {
          edits++;
          const body = { data: { "ca.crt": "mine" } };
          await cluster.call("PATCH", trustPath(), { contentType: "application/merge-patch+json", body });
        }
        await sleep(10);
      }
    })();
    await during(() => fighting.then(follows), { flows: true });
    const writes = front.calls.slice(before).filter(({ path, verb }) => verb === "PATCH" && path === trustPath());
    const rate = (writes.length * 1000) / fightMs;
    assert.ok(edits > 0);
    assert.ok(rate < writesPerSecondMax, `${rate.toFixed(1)} writes a second against ${edits} edits`);
    await stand.until("the bundle to be right again", async () => (await trust()) !== "mine");
  });

  it("K21: everything is killed at once: a proxy that comes back alone lets nobody in", async () => {
    const [replica] = stand.replicas;
    await stand.end(replica!.child);
    await stand.end(stand.scorer!);
    await stand.end(proxy.child);
    proxy = await stand.restartProxy(proxy);
    for (let round = 0; round < 20; round++) {
      for (const path of ["/open", "/closed"]) assert.equal(await stand.status(proxy, path), 0);
      await sleep(100);
    }
    await stand.startOperator(1);
    await during(
      async () => {
        await stand.untilStatus(proxy, "/open", 503);
        await stand.startScorer();
        await stand.untilStatus(proxy, "/open", 200);
        await stand.untilStatus(proxy, "/closed", 403);
      },
      { flows: false },
    );
  });

  it("L15, J30: the kinds are deleted with every policy in them: proxies keep what they have", async () => {
    await during(
      async () => {
        await cluster.kubectl(["delete", "crd", "apipolicies.picket.dev"]);
        await sleep(5_000);
      },
      { flows: true },
    );
    await stand.upgrade();
    await during(follows, { flows: true });
  });

  it("L15: the install's namespace is deleted: traffic does not notice, and another install takes over", async () => {
    await during(
      async () => {
        await cluster.kubectl(["delete", "namespace", installNamespace]);
        await sleep(3_000);
      },
      { flows: true },
    );
    await during(
      async () => {
        await stand.end(stand.replicas[0]!.child);
        await stand.upgrade();
        await stand.startOperator(1);
        await stand.end(stand.scorer!);
        await stand.startScorer();
        await stand.renewIdentity(proxy);
        await follows();
      },
      { flows: false },
    );
    await during(follows, { flows: true });
  });

  it("L06: the operator's rights are taken away: what is in force stays, and changes come through after", async () => {
    const [replica] = stand.replicas;
    const binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/picket-operator";
    const before = await stand.read(binding);
    await during(
      async () => {
        assert.equal((await cluster.call("DELETE", binding)).status, 200);
        // Watches that are open are not asked about; new ones are.
        await replica!.front.down();
        await replica!.front.up();
        await sleep(5_000);
        const { apiVersion, kind, roleRef, subjects } = before!;
        const body = { apiVersion, kind, roleRef, subjects, metadata: { name: "picket-operator" } };
        await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", { body });
        await follows();
      },
      { flows: true },
    );
  });
});
