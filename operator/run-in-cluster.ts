import { randomBytes } from "node:crypto";
import { printAddress } from "../platform/config.ts";
import { connectionsPerAddressMax, createGrpcServer } from "../platform/grpc.ts";
import { createStatusServer, isLocal } from "../platform/http-status.ts";
import { programParts, untilStopped } from "../platform/program.ts";
import { surviveFaults } from "../platform/shutdown.ts";
import { httpProbe } from "./canary/probe.ts";
import { createCertificates } from "./certs/certificates.ts";
import type { ClusterConfig } from "./config.ts";
import { injectionSettings } from "./inject/injection.ts";
import { LookOut } from "./inject/look-out.ts";
import { PolicyKeeper } from "./inject/policy-keeper.ts";
import { createWebhook } from "./inject/webhook.ts";
import { installKey } from "./install-key.ts";
import { createFetchKeySet } from "./keys/fetch-key-set.ts";
import { createKeyFetcher } from "./keys/key-fetcher.ts";
import { authoritiesOf, resolveHost } from "./keys/system.ts";
import { createEvents } from "./kube/events.ts";
import { createLease } from "./kube/lease.ts";
import { createQueue } from "./kube/queue.ts";
import { createTokenReview } from "./kube/token-review.ts";
import { createTransport } from "./kube/transport.ts";
import { createOperatorMetrics } from "./metrics.ts";
import { workloadNamesOf } from "./provider/kubernetes/cluster.ts";
import type { PodFacts } from "./provider/kubernetes/pod-facts.ts";
import { createKubernetesProvider } from "./provider/kubernetes/kubernetes.ts";
import { readJson } from "./provider/read.ts";
import { printMemory } from "./reconcile/accepted.ts";
import { ClusterMemory } from "./reconcile/cluster-memory.ts";
import { endpointOf, envoyTranslator } from "./reconcile/envoy-translator.ts";
import { proxyGroup, scorerGroup } from "./reconcile/plan.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { ClusterStatus } from "./status/cluster-status.ts";
import { StatusStore } from "./status/status-store.ts";
import { createProxyKeys } from "./translate/proxy-key.ts";
import type { ClientReport } from "./xds/client-report.ts";
import { Peers, reportPath } from "./xds/peers.ts";
import { countingAll } from "./xds/shared-counts.ts";
import { createStreamAuthenticator } from "./xds/auth.ts";
import { clusterLimits, clusterOpenings, createAdsServer, requestBytesMax } from "./xds/server.ts";
import { proxyTypes, scorerTypes } from "./xds/type-urls.ts";

/** The lease by whose holder everything is written that is written once. */
const leaseName = "picket-operator";

/** Names of the clusters under which clients say what they are. */
const clusters = { proxy: "picket-proxy", scorer: "picket-scorer" };

const sweepMs = 5_000;
const stopGraceMs = 2_000;

/**
 * The operator in a cluster. Every replica watches, plans, serves proxies and answers the webhook; the one that holds
 * the lease writes. Nothing is served before everything has been listed once.
 */
export async function runInCluster(config: ClusterConfig): Promise<void> {
  const { clock, log, registry, stopping } = programParts("operator", config);
  const metrics = createOperatorMetrics(registry);
  surviveFaults(log, () => metrics.faults.inc());
  const { namespace, kubeconfig, pod } = config;
  const random = Math.random;
  const transport = await createTransport({ kubeconfig, log, clock, metrics: metrics.kube });
  const provider = createKubernetesProvider({ transport, metrics: metrics.kube, clock, random, log });

  const isLeader = (): boolean => lease.isLeader;
  const replicas = (): readonly string[] => provider.peersOf({ namespace, component: "operator", self: pod });
  const memory = new ClusterMemory({ transport, namespace, isLeader, log });
  const keyMemory = new ClusterMemory({
    transport,
    namespace,
    isLeader,
    log,
    name: "picket-issuer-keys",
    holds: "fetched keys",
  });
  const events = createEvents({
    transport,
    component: "picket.dev/operator",
    instance: pod,
    metrics: metrics.kube,
    clock,
    log,
  });
  const written = new ClusterStatus({
    transport,
    standing: (kind, key) => provider.object(kind, key),
    isLeader,
    tell: ({ apiVersion, kind, metadata }, { reason, message }) =>
      events.emit({ apiVersion, kind, ...metadata }, "Warning", reason, message),
    clock,
    log,
  });
  const statusQueue = createQueue<string>({
    controller: "status",
    work: (name) => written.write(name),
    metrics: metrics.kube,
    clock,
    log,
  });
  written.useQueue(statusQueue);
  const certificates = createCertificates({
    transport,
    namespace,
    source: config.certificates,
    operatorName: config.name,
    scorerName: config.scorer.host.split(".")[0]!,
    webhookName: config.injection === "webhook" ? "picket" : undefined,
    isLeader,
    metrics: metrics.certificates,
    kubeMetrics: metrics.kube,
    random,
    clock,
    log,
  });
  const settings = injectionSettings(config);
  const policies = new PolicyKeeper({
    transport,
    settings,
    isWanted: config.injection === "policy",
    clusterRole: "picket-operator",
    isLeader,
    metrics: metrics.kube,
    clock,
    log,
  });
  const lease = createLease({
    transport,
    namespace,
    name: leaseName,
    identity: `${pod}_${randomBytes(4).toString("hex")}`,
    clock,
    random,
    log,
    metrics: metrics.kube,
    gained: () => {
      log.info("this replica leads");
      certificates.lead();
      policies.lead();
      memory.lead();
      keyMemory.lead();
      written.lead();
    },
    lost: () => log.info("this replica does not lead any more"),
  });

  // The status server first: kubelet asks whether the operator lives while the API server is away.
  const store = new StatusStore({ folder: undefined, clock, log });
  let readiness = (): { ready: boolean; reason: string } => ({
    ready: false,
    reason: "not everything has been listed",
  });
  let measureKeys = (): void => undefined;
  let clients = (): ClientReport | undefined => undefined;
  const statusServer = createStatusServer({
    registry,
    beforeScrape: () => measureKeys(),
    ready: () => readiness(),
    // What stands in all namespaces is nobody's business who merely reaches this port.
    routes: {
      "/status": (_url, peer) => (isLocal(peer) ? { ...readiness(), objects: store.all() } : undefined),
      [reportPath]: (_url, peer) => (isLocal(peer) || replicas().includes(peer) ? clients() : undefined),
    },
  });
  const statusAddress = await statusServer.start(config.status);

  const started = await startServing();
  if (started === undefined) return void (await statusServer.stop());
  log.info("started", { listen: started.listening, status: printAddress(statusAddress) });
  await untilStopped(stopping);
  await started.stop();
  await Promise.all([lease.stopped, statusQueue.stopped]);
  await Promise.race([events.flushed(), new Promise((resolve) => setTimeout(resolve, stopGraceMs))]);
  transport.close();
  await statusServer.stop();

  /** Undefined when the operator was told to stop meanwhile. */
  async function startServing(): Promise<{ readonly listening: string; stop(): Promise<void> } | undefined> {
    lease.start(stopping);
    const ready = await orStopped(
      Promise.all([
        patiently(() => installKey(transport, namespace)),
        patiently(() => memory.load()),
        patiently(() => keyMemory.loadText()),
        certificates.start(stopping),
      ]),
    );
    if (ready === undefined) return undefined;
    const [key, remembered, rememberedKeys] = ready;

    const ads = createAdsServer({
      limits: clusterLimits,
      random,
      kinds: new Map([
        [proxyGroup, proxyTypes],
        [scorerGroup, scorerTypes],
      ]),
      groupOf: ({ id }) => provider.proxyOf(id.split("/", 2).join("/"))?.group,
      identify: createStreamAuthenticator({
        review: createTokenReview(transport),
        proxyOf: (name) => provider.proxyOf(name),
        scorer: { namespace, serviceAccount: config.scorerAccount, group: scorerGroup },
        clusters,
        metrics: metrics.xds,
        clock,
        log,
        stopping,
      }),
      metrics: metrics.xds,
      log,
      clock,
      changed: () => reconciler.clientsChanged(),
    });
    const keys = createKeyFetcher({
      fetch: createFetchKeySet({ resolve: resolveHost, authorities: authoritiesOf(config.keysCa) }),
      clock,
      log,
      metrics: metrics.keys,
      random: Math.random,
      changed: () => reconciler.keysChanged(),
      remembered: rememberedKeys,
      save: (text) => keyMemory.save(text),
    });
    measureKeys = () => keys.measure();
    const scorer = { ...endpointOf(config.scorer), serverName: config.scorer.host };
    const peers = new Peers({
      addresses: () => replicas().map((host) => `${host}:${config.status.port}`),
      changed: () => reconciler.peersChanged(),
      clock,
      log,
    });
    clients = () => ({ groups: ads.report(), leaks: reconciler.leaks() });
    const reconciler = new Reconciler({
      ads: countingAll(
        ads,
        () => peers.reports(),
        (group) =>
          group === scorerGroup ? provider.readyOf({ namespace, component: "scorer" }) : provider.readyIn(group),
      ),
      leaksElsewhere: () => peers.leaks(),
      keys,
      keyPlaces: { mayBeLoopback: false, never: config.apiHost === "none" ? [] : [config.apiHost] },
      translator: envoyTranslator(scorer, { ipv6: config.ipv6 === "on", proxyKeyOf: createProxyKeys(key) }),
      read: readJson,
      status: {
        update: (reports) => {
          store.update(reports);
          written.update(store.all());
        },
      },
      addressOf: (group) => provider.addressOf(group),
      probe: httpProbe,
      memory: remembered,
      save: (remembering) => memory.save(() => printMemory(remembering)),
      emit: () => undefined,
      metrics,
      clock,
      log,
    });
    const grpc = createGrpcServer(
      { exchange: [ads.method] },
      {
        messageBytesMax: requestBytesMax,
        connectionsPerAddressMax,
        openings: { ...clusterOpenings, clock, onRefused: () => metrics.xds.refusals.inc({ cause: "openings" }) },
        tls: certificates.tls,
        onTlsFault: (error) => log.error("a certificate cannot be used; the last good one stays", { error }),
      },
    );
    let governed: ReadonlySet<string> = new Set();
    const lookOut = new LookOut<PodFacts>({
      ownNamespace: namespace,
      isGoverned: (facts) => workloadNamesOf(facts).some((name) => governed.has(name)),
      isLeader,
      events,
      metrics: metrics.injection,
    });
    provider.onChange(() => {
      governed = reconciler.governed();
      lookOut.look(provider.pods(), provider.namespaces());
      certificates.trustIn(provider.injectedNamespaces());
      reconciler.clientsChanged();
    });
    const webhook =
      config.injection === "webhook"
        ? createWebhook({
            settings,
            namespaceOf: (name) => provider.namespaces().get(name),
            tls: certificates.tls,
            metrics: metrics.injection,
            log,
            ready: () => provider.isSynced,
          })
        : undefined;

    if (
      (await orStopped(provider.start(stopping, (snapshot) => reconciler.take(snapshot)).then(() => true))) ===
      undefined
    ) {
      return undefined;
    }
    const listening = printAddress(await grpc.start(config.listen));
    await webhook?.start(config.webhook);
    statusQueue.start(stopping);
    policies.start(stopping);
    peers.start(stopping);
    // Once known, for good: what somebody does to the webhook later must not take proxies their configuration.
    let isKnown = false;
    readiness = () => {
      isKnown ||= certificates.isKnown();
      if (!provider.isSynced) return { ready: false, reason: "not everything has been listed" };
      return isKnown
        ? { ready: true, reason: "" }
        : { ready: false, reason: "the webhook's certificate is not known yet" };
    };
    const sweeping = setInterval(() => ads.sweep(), sweepMs);
    return {
      listening,
      stop: async () => {
        clearInterval(sweeping);
        keys.stop();
        reconciler.stop();
        memory.stop();
        keyMemory.stop();
        await webhook?.stop();
        ads.close();
        await grpc.stop(stopGraceMs);
      },
    };
  }

  /** The API server may be away while the operator starts: it waits, and kubelet sees why. */
  async function patiently<T>(action: () => Promise<T>): Promise<T> {
    for (let waitMs = 500; ; waitMs = Math.min(10_000, waitMs * 2)) {
      try {
        return await action();
      } catch (error) {
        if (error instanceof RangeError) throw error;
        log.warn("the API server does not give what the operator starts with; it is asked again", { error });
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (stopping.aborted) throw new Error("stopped");
    }
  }

  async function orStopped<T>(promise: Promise<T>): Promise<T | undefined> {
    const stopped = untilStopped(stopping).then(() => undefined);
    return Promise.race([promise, stopped]);
  }
}
