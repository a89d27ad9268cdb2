import assert from "node:assert/strict";
import { factsOf, type Reason } from "../../core/verdict/reason.ts";
import { Registry } from "../../platform/metrics.ts";
import { createDecisionIds } from "../../sidecar/check/decision-ids.ts";
import { createCheckHandler } from "../../sidecar/check/handler.ts";
import { createScorerMetrics } from "../../sidecar/metrics.ts";
import { DecisionRing } from "../../sidecar/report/decision-ring.ts";
import { ProxyRefusals } from "../../sidecar/report/proxy-refusals.ts";
import { createResponseIntake } from "../../sidecar/report/responses.ts";
import { Tally } from "../../sidecar/report/tally.ts";
import { accessLogMethod } from "../../sidecar/accesslog/intake.ts";
import { HTTPAccessLogEntry } from "../../protos/gen/envoy/data/accesslog/v3/accesslog.ts";
import { StreamAccessLogsMessage } from "../../protos/gen/envoy/service/accesslog/v3/als.ts";
import { randomFrom } from "../core/policy/random-policies.ts";
import { promtool, runPromtool } from "../promtool.ts";
import { checkRequest, nowMs } from "./check/check-requests.ts";
import { accountsPolicy, storeOf } from "./check/policies.ts";

/** A scorer's parts from a Check, or an entry of the access log, to the metrics. */
function harness() {
  const registry = new Registry();
  const metrics = createScorerMetrics(registry);
  const tally = new Tally(metrics);
  const ring = new DecisionRing();
  const ids = createDecisionIds(new Uint8Array(16));
  const clock = { now: () => nowMs, monotonic: () => 0 };
  const check = createCheckHandler({
    policies: storeOf(accountsPolicy()),
    clock,
    ids,
    recordViews: false,
    faulted: () => metrics.faults.inc({ stage: "check" }),
    unproven: () => undefined,
    decided: (decision) => {
      ring.add(decision);
      tally.add(decision);
    },
  });
  const answered = createResponseIntake({
    metrics,
    clock,
    ids,
    ring,
    proxyRefusals: new ProxyRefusals(),
    refused: (refusal) => tally.add(refusal),
  });
  const log = accessLogMethod(answered, () => metrics.faults.inc({ stage: "access-log" })).open();
  const exposed = async (): Promise<string> => {
    tally.flush((reason) => factsOf(reason as Reason).kind);
    return registry.metrics();
  };
  return { check, log, exposed };
}

/** Names and labels of every series. */
function seriesOf(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
}

const random = randomFrom(7);
const word = (): string => Math.floor(random() * 2 ** 48).toString(36);

/** What anybody on the network may choose. */
function anyRequest(i: number): Parameters<typeof checkRequest>[0] {
  const who = word();
  return {
    method: i % 3 === 0 ? "POST" : i % 7 === 0 ? `X${word()}` : "GET",
    path: i % 2 === 0 ? `/v1/accounts/${word()}` : `/${word()}/${word()}?${word()}=${word()}`,
    host: `${word()}.example`,
    headers: [
      [`x-${word()}`, word()],
      ["user-agent", word()],
    ],
    peer: `203.0.${i % 250}.${(i >> 8) % 250}`,
    ...(i % 4 === 0 ? {} : { claims: { sub: who, account: word() } }),
    ...(i % 5 === 0 ? { failed: i % 60 } : {}),
  };
}

/** An entry of the access log about such a request. Only the workload comes from our own configuration. */
function anyEntry(i: number, workload = "bank/accounts"): PartialEntry {
  return {
    commonProperties: {
      customTags: { workload },
      metadata: i % 2 === 0 ? { filterMetadata: { "envoy.filters.http.ext_authz": { decision: word() } } } : undefined,
    },
    request: { requestId: word(), path: `/${word()}`, requestHeaders: { [word()]: word() }, authority: word() },
    response: { responseCode: i % 700, responseCodeDetails: i % 3 === 0 ? "ext_authz_error" : word() },
  };
}

type PartialEntry = Parameters<typeof HTTPAccessLogEntry.fromPartial>[0];

function messageOf(entries: readonly PartialEntry[]): Buffer {
  const logEntry = entries.map((entry) => HTTPAccessLogEntry.fromPartial(entry));
  const message = StreamAccessLogsMessage.fromPartial({ logEntries: { $case: "httpLogs", httpLogs: { logEntry } } });
  return Buffer.from(StreamAccessLogsMessage.encode(message).finish());
}

describe("metrics of the scorer", () => {
  it("are no more after 100,000 random paths, users and headers than after the first thousand", async function () {
    this.timeout(60_000);
    const { check, exposed } = harness();
    for (let i = 0; i < 1_000; i++) check(checkRequest(anyRequest(i)));
    const before = seriesOf(await exposed());
    for (let i = 1_000; i < 101_000; i++) check(checkRequest(anyRequest(i)));
    const text = await exposed();
    assert.deepEqual(seriesOf(text).toSorted(), before.toSorted());
    assert.ok(before.length < 500, `${before.length} series`);
    assert.match(text, /^picket_decision_duration_seconds_count 101000$/m);
  });

  it("are no more after 100,000 random entries of the access log", async function () {
    this.timeout(60_000);
    const { log, exposed } = harness();
    const send = (from: number, to: number): void => {
      for (let i = from; i < to; i += 500) log(messageOf(Array.from({ length: 500 }, (_, j) => anyEntry(i + j))));
    };
    send(0, 1_000);
    const before = seriesOf(await exposed());
    send(1_000, 101_000);
    const text = await exposed();
    assert.deepEqual(seriesOf(text).toSorted(), before.toSorted());
    assert.match(text, /^picket_als_events_total 101000$/m);
    assert.ok(!text.includes(".example"));
  });

  it("count workloads beyond the bound together, and say so", async () => {
    const { log, exposed } = harness();
    log(messageOf(Array.from({ length: 800 }, (_, i) => anyEntry(0, `team/w${i}`))));
    const text = await exposed();
    const apis = new Set([...text.matchAll(/^picket_api_responses_total\{api="([^"]+)"/gm)].map(([, api]) => api));
    assert.equal(apis.size, 301);
    assert.match(text, /^picket_api_responses_total\{api="_other",.*\} 500$/m);
    assert.match(text, /^picket_label_overflow_total\{family="api"\} 500$/m);
  });

  it("tell which requests the failure mode decided", async () => {
    const { log, exposed } = harness();
    const passed = { ...anyEntry(1), request: { requestHeaders: { "x-envoy-auth-failure-mode-allowed": "true" } } };
    const refused = { ...anyEntry(1), response: { responseCode: 503, responseCodeDetails: "ext_authz_error" } };
    log(messageOf([passed, refused, refused]));
    const text = await exposed();
    assert.match(text, /^picket_fallbacks_total\{fallback="allow"\} 1$/m);
    assert.match(text, /^picket_fallbacks_total\{fallback="deny"\} 2$/m);
  });

  it("are named as Prometheus' own checker wants it", async function () {
    const tool = promtool();
    if (tool === undefined) return this.skip();
    const { check, log, exposed } = harness();
    for (let i = 0; i < 100; i++) check(checkRequest(anyRequest(i)));
    log(messageOf([anyEntry(1)]));
    const { ok, output } = runPromtool(tool, ["check", "metrics"], { input: await exposed() });
    assert.ok(ok, output);
    assert.equal(output, "");
  });
});
