import { bearer, type Exchange, type Target } from "./exchange.ts";
import type { HonestClient } from "./honest-client.ts";
import type { HonestRecord } from "./normal-life.ts";
import type { People } from "./people.ts";

export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The same requests, straight to the service and through Envoy and Picket, one at a time and in turns. */
export interface LatencyReport {
  readonly pairs: number;
  readonly direct: Quantiles;
  readonly protected: Quantiles;
  readonly added: Quantiles;
  readonly ratio: { readonly p50: number; readonly p99: number };
}

/** Pairs sent before the clock counts: connections open, code compiled. */
const warmUpPairs = 60;

export interface MeasureOptions {
  readonly client: HonestClient;
  readonly record: HonestRecord;
  readonly direct: Target;
  readonly tokens: ReadonlyMap<string, string>;
  readonly people: People;
  readonly pairs: number;
  readonly signal: AbortSignal;
  readonly onPair: () => void;
}

export async function measureLatency(options: MeasureOptions): Promise<LatencyReport> {
  const { client, record, direct, tokens, people, pairs, signal, onPair } = options;
  const readers = people.customers.filter((person) => tokens.has(person.user)).slice(0, 20);
  const plain: number[] = [];
  const guarded: number[] = [];
  for (let index = -warmUpPairs; index < pairs; index++) {
    signal.throwIfAborted();
    const person = readers[(index + warmUpPairs) % readers.length];
    if (person === undefined) throw new Error("nobody is logged in to measure with");
    const exchange: Exchange = {
      service: "accounts",
      method: "GET",
      path: `/v1/accounts/${person.account}/balance`,
      headers: [bearer(tokens.get(person.user) ?? "")],
      source: people.addressOf(person),
    };
    const sendPlain = (): Promise<unknown> => client.send(direct, exchange, `direct-${index}`);
    const sendGuarded = (): Promise<unknown> => record.send(exchange, [200]);
    // Taking turns at going first: neither side profits from what the other has warmed.
    const plainFirst = index % 2 === 0;
    const one = await time(plainFirst ? sendPlain : sendGuarded);
    const two = await time(plainFirst ? sendGuarded : sendPlain);
    if (index >= 0) {
      plain.push(plainFirst ? one : two);
      guarded.push(plainFirst ? two : one);
      onPair();
    }
  }
  return compare(plain, guarded);
}

/** Quantiles of both sides, their difference and their ratio. */
export function compare(plain: readonly number[], guarded: readonly number[]): LatencyReport {
  const direct = { p50Ms: quantile(plain, 0.5), p99Ms: quantile(plain, 0.99) };
  const through = { p50Ms: quantile(guarded, 0.5), p99Ms: quantile(guarded, 0.99) };
  return {
    pairs: plain.length,
    direct,
    protected: through,
    added: { p50Ms: round(through.p50Ms - direct.p50Ms), p99Ms: round(through.p99Ms - direct.p99Ms) },
    ratio: { p50: round(through.p50Ms / direct.p50Ms), p99: round(through.p99Ms / direct.p99Ms) },
  };
}

/** The smallest value that is not below the given share of all values (nearest rank). */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return round(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN);
}

async function time(send: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await send();
  return performance.now() - start;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
