import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printAddress } from "../platform/config.ts";
import { createGrpcServer } from "../platform/grpc.ts";
import { createStatusServer } from "../platform/http-status.ts";
import { programParts, untilStopped } from "../platform/program.ts";
import { surviveFaults } from "../platform/shutdown.ts";
import { httpProbe } from "./canary/probe.ts";
import type { FolderConfig } from "./config.ts";
import { createFetchKeySet } from "./keys/fetch-key-set.ts";
import { createKeyFetcher } from "./keys/key-fetcher.ts";
import { authoritiesOf, resolveHost } from "./keys/system.ts";
import { createOperatorMetrics } from "./metrics.ts";
import { createFilesProvider } from "./provider/files.ts";
import { readText } from "./provider/read.ts";
import { emptyMemory, parseMemory, printMemory, type Memory } from "./reconcile/accepted.ts";
import { endpointOf, envoyTranslator } from "./reconcile/envoy-translator.ts";
import type { OperatorEvent } from "./reconcile/event.ts";
import { proxyGroup, scorerGroup } from "./reconcile/plan.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { StatusStore, writeAtomically } from "./status/status-store.ts";
import { bootstrap } from "./translate/envoy/bootstrap.ts";
import { createAdsServer, requestBytesMax } from "./xds/server.ts";
import { proxyTypes, scorerTypes } from "./xds/type-urls.ts";

/** Names of the clusters under which programs of ours say who they are. */
const proxyCluster = "picket-proxy";
const groups: Readonly<Record<string, string>> = { [proxyCluster]: proxyGroup, "picket-scorer": scorerGroup };

/** How often streams whose clients stopped reading are looked for. */
const sweepMs = 5_000;
const stopGraceMs = 500;

/** The operator over a folder of YAML files: builds its parts, starts them, and stops them in reverse. */
export async function runOnFolder(config: FolderConfig): Promise<void> {
  const { clock, log, registry, stopping } = programParts("operator", config);
  const metrics = createOperatorMetrics(registry);
  surviveFaults(log, () => metrics.faults.inc());

  const emit = (event: OperatorEvent): void => {
    if (config.events === "stdout") process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  const memoryFile = join(config.state, "accepted.json");
  mkdirSync(config.state, { recursive: true, mode: 0o700 });
  const status = new StatusStore({ folder: join(config.state, "status"), clock, log });
  const ads = createAdsServer({
    kinds: new Map([
      [proxyGroup, proxyTypes],
      [scorerGroup, scorerTypes],
    ]),
    identify: ({ cluster }) => (Object.hasOwn(groups, cluster) ? { group: groups[cluster] ?? "" } : undefined),
    metrics: metrics.xds,
    log,
    clock,
    changed: () => reconciler.clientsChanged(),
  });
  const keysFile = join(config.state, "keys.json");
  const keys = createKeyFetcher({
    fetch: createFetchKeySet({ resolve: resolveHost, authorities: authoritiesOf(config.keysCa) }),
    clock,
    log,
    metrics: metrics.keys,
    random: Math.random,
    changed: () => reconciler.keysChanged(),
    remembered: readTextFile(keysFile, (error) => log.warn("fetched keys cannot be read", { error })),
    save: (text) => writeAtomically(keysFile, text),
  });
  const reconciler = new Reconciler({
    ads,
    keys,
    keyPlaces: { mayBeLoopback: true, never: [] },
    translator: envoyTranslator(endpointOf(config.scorer)),
    read: readText,
    status,
    probe: httpProbe,
    memory: readMemory(memoryFile, (error) => log.warn("last good generations cannot be read", { error })),
    save: (memory) => writeAtomically(memoryFile, printMemory(memory)),
    emit,
    metrics,
    clock,
    log,
  });
  const grpc = createGrpcServer({ exchange: [ads.method] }, { messageBytesMax: requestBytesMax });
  const statusServer = createStatusServer({
    registry,
    beforeScrape: () => keys.measure(),
    ready: () => reconciler.readiness(),
    routes: { "/status": () => ({ ...reconciler.readiness(), objects: status.all() }) },
  });
  const provider = createFilesProvider({
    folder: config.folder,
    read: readText,
    log,
    unreadable: (why) => reconciler.sourceUnreadable(why),
  });

  status.start();
  const statusAddress = await statusServer.start(config.status);
  await provider.start(stopping, (snapshot) => reconciler.take(snapshot));
  const listenAddress = await grpc.start(config.listen);
  if (config.bootstrap !== "none") {
    const options = { node: { id: "proxy", cluster: proxyCluster }, admin: endpointOf(config.proxyAdmin) };
    writeFileSync(config.bootstrap, bootstrap({ ...options, xds: endpointOf(listenAddress) }).bytes, { mode: 0o600 });
  }
  emit({ event: "started" });
  const sweeping = setInterval(() => ads.sweep(), sweepMs);
  log.info("started", { listen: printAddress(listenAddress), status: printAddress(statusAddress) });

  await untilStopped(stopping);
  clearInterval(sweeping);
  keys.stop();
  reconciler.stop();
  ads.close();
  await grpc.stop(stopGraceMs);
  await statusServer.stop();
}

/** What was in force before, if that can be told. */
function readMemory(file: string, warn: (error: unknown) => void): Memory {
  const text = readTextFile(file, warn);
  return (text === undefined ? undefined : parseMemory(text)) ?? emptyMemory;
}

/** Undefined where there is no such file. */
function readTextFile(file: string, warn: (error: unknown) => void): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) warn(error);
    return undefined;
  }
}
