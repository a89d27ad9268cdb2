import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { factsOf, type Reason } from "../core/verdict/reason.ts";
import { subscribe, type AdsSubscription, type ClientFiles } from "../platform/ads-client.ts";
import { ConfigError, printAddress, readConfig } from "../platform/config.ts";
import { createStatusServer } from "../platform/http-status.ts";
import { Secret } from "../platform/secret.ts";
import { watchTlsFolder } from "../platform/tls-folder.ts";
import { programParts, runProgram, untilStopped } from "../platform/program.ts";
import { surviveFaults } from "../platform/shutdown.ts";
import { provenCalls } from "./accesslog/proven-calls.ts";
import { createCheckHandler, lastResort } from "./check/handler.ts";
import { createDecisionIds } from "./check/decision-ids.ts";
import { scorerSettings, type ScorerConfig } from "./config.ts";
import { createScorerMetrics } from "./metrics.ts";
import { createPolicyStore } from "./policies/store.ts";
import { DecisionLog } from "./report/decision-log.ts";
import { printDecision } from "./report/decision-record.ts";
import { decisionsKept, DecisionRing, decisionsWithViewsKept } from "./report/decision-ring.ts";
import { ProxyRefusals } from "./report/proxy-refusals.ts";
import { createResponseIntake } from "./report/responses.ts";
import { Strangers } from "./report/strangers.ts";
import { Tally } from "./report/tally.ts";
import { createGrpcTransport } from "./transport/grpc-js.ts";
import type { ScorerService } from "./transport/transport.ts";

const policyType = "type.googleapis.com/picket.policy.v1alpha1.WorkloadPolicy";

/** In which every proxy has asked twice whether this scorer serves (operator/translate/envoy/clusters.ts). */
const healthCheckMs = 3_000;

/** Decisions that one look at `/decisions/` gives. */
const latestShown = 100;

await runProgram(() => runScorer(readConfig(scorerSettings, process.env)));

/** Builds the scorer's parts, starts them, and stops them in reverse. */
async function runScorer(config: ScorerConfig): Promise<void> {
  const credentials = credentialsOf(config);
  const { clock, log, registry, stopping } = programParts("scorer", config);
  const metrics = createScorerMetrics(registry);
  surviveFaults(log, () => metrics.faults.inc({ stage: "uncaught" }));

  const [first, second] = new Int32Array(new Uint8Array(randomBytes(8)).buffer);
  const policies = createPolicyStore({ first: first!, second: second! });
  const ids = createDecisionIds(randomBytes(16));
  const hashKey = new Secret<Uint8Array>(
    config.hashKeyFile === "none" ? randomBytes(32) : readFileSync(config.hashKeyFile),
  );
  const ring = new DecisionRing(config.recordViews === "on" ? decisionsWithViewsKept : decisionsKept);
  const proxyRefusals = new ProxyRefusals();
  const tally = new Tally(metrics);
  const strangers = new Strangers(clock, log);
  const decisionLog =
    config.decisionLog === "none"
      ? undefined
      : new DecisionLog({
          file: config.decisionLog,
          print: (decision) => printDecision(decision, hashKey),
          dropped: (count) => metrics.decisionsDropped.inc(count),
          written: (count) => metrics.decisionsWritten.inc(count),
          log,
        });
  const writesAllows = config.decisions === "all";

  const service: ScorerService = {
    check: createCheckHandler({
      policies,
      clock,
      ids,
      recordViews: config.recordViews === "on",
      unproven: (reason) => {
        tally.addReason(reason);
        strangers.seen();
      },
      faulted: (error) => {
        metrics.faults.inc({ stage: "check" });
        log.error("a check could not be judged", { error });
      },
      decided: (decision) => {
        ring.add(decision);
        tally.add(decision);
        if (writesAllows || decision.judgement.verdict.kind !== "allow" || decision.judgement.shadow !== undefined) {
          decisionLog?.add(decision);
        }
      },
    }),
    lastResort: lastResort(ids),
    isServing: () => policies.isReady && !isLeaving,
    answered: provenCalls({
      policies,
      dropped: () => metrics.accessLogUnproven.inc(),
      take: createResponseIntake({
        metrics,
        clock,
        ids,
        ring,
        proxyRefusals,
        refused: (refusal) => {
          tally.add(refusal);
          decisionLog?.add(refusal);
        },
      }),
    }),
    faulted: (error, stage) => {
      metrics.faults.inc({ stage });
      log.error("a message could not be handled", { stage, error });
    },
  };
  const tls = config.tls === "none" ? undefined : watchTlsFolder(config.tls, { log, signal: stopping });
  /** Set when health checks are told to go elsewhere. */
  let isLeaving = false;
  const transport = createGrpcTransport(service, tls);

  let subscription: AdsSubscription | undefined;
  const status = createStatusServer({
    registry,
    beforeScrape: () => {
      tally.flush((reason) => factsOf(reason as Reason).kind);
      countState();
      metrics.operatorConnected.set(subscription?.isConnected === true ? 1 : 0);
    },
    ready: () => ({ ready: policies.isReady, reason: "no policies from the operator yet" }),
    routes: {
      "/decisions/": (url) => {
        const id = url.pathname.slice("/decisions/".length);
        if (id === "") return [...ring.latest(latestShown)].map((decision) => printDecision(decision, hashKey));
        const decision = ring.find(id, ids.numberOf(id)) ?? proxyRefusals.find(id);
        return decision && printDecision(decision, hashKey);
      },
    },
  });

  function countState(): void {
    let keys = 0;
    let bytes = 0;
    let evictions = 0;
    for (const [, { limiter }] of policies.workloads()) {
      for (let i = 0; i < limiter.limits.length; i++) {
        const counters = limiter.counters(i);
        keys += counters.keys;
        bytes += counters.bytes;
        evictions += counters.evictions;
      }
    }
    metrics.stateKeys.set({ kind: "limit" }, keys);
    metrics.stateBytes.set({ kind: "limit" }, bytes);
    metrics.stateEvictions.set({ kind: "limit" }, evictions);
    metrics.stateKeys.set({ kind: "decision" }, ring.size);
  }

  decisionLog?.start();
  const statusAddress = await status.start(config.status);
  const listenAddress = await transport.start(config.listen);
  subscription = subscribe({
    address: config.operator,
    typeUrl: policyType,
    nodeId: config.node,
    nodeCluster: "picket-scorer",
    credentials,
    clock,
    random: Math.random,
    onDisconnect: (reason) => {
      if (policies.isReady) log.warn("the operator is away; the last policies stay in force", { reason });
      else log.debug("waiting for the operator", { reason });
    },
    onChange: (added, removed) => {
      try {
        policies.apply(added, removed);
      } catch (error) {
        metrics.configApplies.inc({ result: "refused" });
        const message = error instanceof Error ? error.message : "unknown fault";
        log.error("a policy does not compile; the last good one stays in force", { message });
        return { accepted: false, message };
      }
      metrics.configApplies.inc({ result: "applied" });
      metrics.configApplied.set(clock.now() / 1000);
      log.info("policies applied", { changed: added.length, removed: removed.length });
      return { accepted: true };
    },
  });
  log.info("started", { listen: printAddress(listenAddress), status: printAddress(statusAddress) });

  await untilStopped(stopping);
  if (config.drainSeconds > 0) {
    // First proxies find the scorers that came instead, by name; then their health checks leave this one. All the
    // while it answers: a Check that nobody answers is a request refused.
    log.info("leaving", { drainSeconds: config.drainSeconds });
    await sleep(config.drainSeconds * 1000);
    isLeaving = true;
    await sleep(healthCheckMs);
  }
  subscription.stop();
  await transport.stop();
  await status.stop();
  await decisionLog?.stop();
}

/** A token is worth what the pod may do, so it goes nowhere in the clear. */
function credentialsOf({ operatorCa, operatorToken }: ScorerConfig): ClientFiles | undefined {
  if (operatorCa === "none" && operatorToken !== "none") {
    throw new ConfigError(["PICKET_OPERATOR_TOKEN needs PICKET_OPERATOR_CA: a token is sent over TLS only"]);
  }
  if (operatorCa === "none") return undefined;
  return { caFile: operatorCa, ...(operatorToken !== "none" && { tokenFile: operatorToken }) };
}
