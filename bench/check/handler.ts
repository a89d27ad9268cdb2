import { CheckRequest, CheckResponse } from "../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import { systemClock } from "../../platform/clock.ts";
import * as wire from "../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { createDecisionIds } from "../../sidecar/check/decision-ids.ts";
import { createCheckHandler } from "../../sidecar/check/handler.ts";
import { createPolicyStore } from "../../sidecar/policies/store.ts";
import { DecisionRing } from "../../sidecar/report/decision-ring.ts";
import { policyWithRules } from "./policies.ts";
import { checkRequests } from "./requests.ts";

const rounds = 15;
const checksPerRound = 20_000;

/** CPU of the whole handler (decode, decide, encode, record) as a ratio to the generated decoder alone. */
export interface HandlerResult {
  readonly rules: number;
  readonly decoderNs: number;
  readonly handlerNs: number;
  /** handler / decoder, median of the rounds. */
  readonly ratio: number;
}

/** Measures every size in one run, taking turns, so that a busy machine hits all alike. */
export function measureHandler(sizes: readonly number[]): HandlerResult[] {
  const contenders = sizes.map((rules) => ({ rules, requests: checkRequests(rules), check: handlerFor(rules) }));
  for (const { requests, check } of contenders) {
    for (const request of requests) {
      const status = CheckResponse.decode(check(request)).status;
      if (status?.code !== 0) throw new Error(`the bench must measure allows, not ${status?.message}`);
    }
  }
  const times = contenders.map(() => ({ decoder: [] as number[], handler: [] as number[], ratio: [] as number[] }));
  for (let round = -2; round < rounds; round++) {
    contenders.forEach(({ requests, check }, i) => {
      const decoder = cpuNs(() => run(requests, (request) => CheckRequest.decode(request)));
      const handler = cpuNs(() => run(requests, check));
      if (round < 0) return;
      times[i]!.decoder.push(decoder);
      times[i]!.handler.push(handler);
      times[i]!.ratio.push(handler / decoder);
    });
  }
  return contenders.map(({ rules }, i) => ({
    rules,
    decoderNs: Math.round(median(times[i]!.decoder)),
    handlerNs: Math.round(median(times[i]!.handler)),
    ratio: median(times[i]!.ratio),
  }));
}

function handlerFor(rules: number) {
  const store = createPolicyStore({ first: 1, second: 2 });
  store.apply([{ name: "bank/accounts", bytes: wire.WorkloadPolicy.encode(policyWithRules(rules)).finish() }], []);
  const ring = new DecisionRing();
  return createCheckHandler({
    policies: store,
    clock: systemClock,
    ids: createDecisionIds(new Uint8Array(16)),
    unproven: () => undefined,
    decided: (decision) => ring.add(decision),
    faulted: (error) => {
      throw error;
    },
    recordViews: false,
  });
}

function run(requests: readonly Buffer[], action: (request: Buffer) => unknown): void {
  for (let i = 0; i < checksPerRound; i++) action(requests[i % requests.length]!);
}

/** CPU time per check, user and system, of this process. */
function cpuNs(action: () => void): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / checksPerRound;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
