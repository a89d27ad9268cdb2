import assert from "node:assert/strict";
import { createTokenReview } from "../../../operator/kube/token-review.ts";
import { createTransport, type KubeTransport } from "../../../operator/kube/transport.ts";
import { proxyAudience } from "../../../operator/inject/names.ts";
import { createStreamAuthenticator, scorerAudience } from "../../../operator/xds/auth.ts";
import { createXdsMetrics } from "../../../operator/xds/metrics.ts";
import type { Identified } from "../../../operator/xds/stream.ts";
import { systemClock } from "../../../platform/clock.ts";
import { Registry } from "../../../platform/metrics.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { clusterStartMs, poll, startCluster, type Cluster, type TokenOptions } from "../cluster.ts";

interface Pod {
  readonly name: string;
  readonly uid: string;
}

describe("tokens of pods and a real API server", function () {
  this.timeout(clusterStartMs);
  let cluster: Cluster;
  let transport: KubeTransport;
  let namespace: string;
  let pod: Pod;
  let other: Pod;
  const stop = new AbortController();
  const pods = new Map<string, { uid: string; group: string }>();

  before(async () => {
    cluster = await startCluster({ node: false });
    namespace = await cluster.namespace("tokens");
    transport = await createTransport({ kubeconfig: cluster.kubeconfig, log: silentLog, clock: systemClock });
    pod = await makePod("one");
    other = await makePod("two");
  });
  after(async () => {
    stop.abort();
    transport?.close();
    if (cluster === undefined) return;
    await cluster.removeNamespace(namespace);
    await cluster.stop();
  });

  async function makePod(name: string): Promise<Pod> {
    const answer = await cluster.call("POST", `/api/v1/namespaces/${namespace}/pods`, {
      body: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: { containers: [{ name: "c", image: "nowhere.example/none" }] },
      },
    });
    const { uid } = (answer.body as { metadata: { uid: string } }).metadata;
    pods.set(`${namespace}/${name}`, { uid, group: `proxy|${name}` });
    return { name, uid };
  }

  const token = (options: TokenOptions): Promise<string> =>
    cluster.token({ namespace, name: "default" }, { expirationSeconds: 3600, ...options });
  const identify = async (node: { id: string; cluster: string }, shown: string): Promise<Identified> => {
    const authenticator = createStreamAuthenticator({
      review: createTokenReview(transport),
      proxyOf: (name) => pods.get(name),
      scorer: { namespace, serviceAccount: "default", group: "scorer" },
      clusters: { proxy: "picket-proxy", scorer: "picket-scorer" },
      metrics: createXdsMetrics(new Registry()),
      clock: systemClock,
      log: silentLog,
      stopping: stop.signal,
    });
    return authenticator(node, `Bearer ${shown}`, "10.0.0.1:1");
  };
  const nodeOf = ({ name, uid }: Pod) => ({ id: `${namespace}/${name}/${uid}`, cluster: "picket-proxy" });

  it("let in the proxy of the pod that they are bound to, and nobody by its name", async () => {
    const shown = await token({ audiences: [proxyAudience], pod });
    assert.deepEqual(await identify(nodeOf(pod), shown), { group: "proxy|one", identity: pod.uid });
    assert.deepEqual(await identify(nodeOf(other), shown), { refusal: "denied" });
    assert.deepEqual(await identify({ ...nodeOf(pod), cluster: "picket-scorer" }, shown), {
      refusal: "unauthenticated",
    });
  });

  it("let in a scorer by its own audience only", async () => {
    const shown = await token({ audiences: [scorerAudience], pod });
    const node = { id: pod.name, cluster: "picket-scorer" };
    assert.deepEqual(await identify(node, shown), { group: "scorer", identity: pod.uid });
    assert.deepEqual(await identify(nodeOf(pod), shown), { refusal: "unauthenticated" });
  });

  it("are refused without a pod, for the API server's own audience, and when they are damaged", async () => {
    const refused = { refusal: "unauthenticated" };
    assert.deepEqual(await identify(nodeOf(pod), await token({ audiences: [proxyAudience] })), refused);
    assert.deepEqual(await identify(nodeOf(pod), await token({ pod })), refused);
    const good = await token({ audiences: [proxyAudience], pod });
    assert.deepEqual(await identify(nodeOf(pod), `${good.slice(0, -4)}AAAA`), refused);
    assert.deepEqual(await identify(nodeOf(pod), "no.token.atall"), refused);
  });

  it("are refused once their pod is gone, and when it comes back as another", async () => {
    const gone = await makePod("gone");
    const shown = await token({ audiences: [proxyAudience], pod: gone });
    assert.ok("group" in ((await identify(nodeOf(gone), shown)) ?? {}));
    const path = `/api/v1/namespaces/${namespace}/pods/gone`;
    await cluster.call("DELETE", `${path}?gracePeriodSeconds=0`);
    const isGone = async (): Promise<boolean> => (await cluster.call("GET", path)).status === 404;
    await poll(isGone, { timeoutMs: 30_000, what: "the end of the pod" });
    const again = await makePod("gone");
    assert.notEqual(again.uid, gone.uid);
    // The API server keeps what it said about a token for ten seconds.
    const isRefused = async (): Promise<boolean> => {
      const known = await identify(nodeOf(gone), shown);
      return known !== undefined && "refusal" in known && known.refusal === "unauthenticated";
    };
    await poll(isRefused, { timeoutMs: 30_000, what: "the refusal of its token" });
    assert.deepEqual(await identify(nodeOf(again), shown), { refusal: "unauthenticated" });
  });

  it("wait while the API server does not answer", async () => {
    const shown = await token({ audiences: [proxyAudience], pod });
    const away = await createTransport({ kubeconfig: cluster.kubeconfig, log: silentLog, clock: systemClock });
    away.close();
    const before = transport;
    transport = away;
    assert.deepEqual(await identify(nodeOf(pod), shown), { refusal: "unavailable" });
    transport = before;
  });
});
