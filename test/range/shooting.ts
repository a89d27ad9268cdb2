import { assertedValues, emulators, readAs } from "./emulators/emulator.ts";
import type { Received } from "./emulators/server.ts";
import { actors, mayReach, type Actor, type Operation } from "./operations.ts";
import { sendHttp1 } from "./send/http1.ts";
import { sendHttp2 } from "./send/http2.ts";
import type { Outcome } from "./send/outcome.ts";
import type { Mint } from "./tokens.ts";
import { shown, type Ending, type Row, type Send, type Shot, type Vector } from "./vectors/vector.ts";

/** Rows under way at the same time; two cores run the proxy, the scorer and the applications as well. */
const parallelMax = 16;

/** One row against one port. */
export interface Firing {
  readonly vector: Vector;
  readonly row: Row;
  readonly port: number;
  /** Name of the application behind the port, for messages. */
  readonly application: string;
}

/** Runs all, a few at a time; gives what is wrong about the answers, one sentence each. */
export async function fireAll(firings: readonly Firing[], mint: Mint): Promise<string[]> {
  return (await inParallel(firings, (firing, index) => fire(firing, mint, index))).flat();
}

/** Runs `work` over all items, `parallelMax` at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      const item = items[index];
      if (item !== undefined) results[index] = await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, worker));
  return results;
}

async function fire({ vector, row, port, application }: Firing, mint: Mint, index: number): Promise<string[]> {
  const actor = row.actor ?? vector.actor;
  const shot: Shot = { caseId: `${actor}/${vector.id}/${index}`, mint, nowSeconds: Math.floor(Date.now() / 1_000) };
  const outcome = await transmit(row.send, port, shot);
  const seen = endingOf(outcome);
  const where = `${vector.id} ${row.what} → ${application}`;
  if ("sameAs" in row.expect) {
    const plain = endingOf(await transmit(row.expect.sameAs, port, shot));
    return seen === plain ? [] : [`${where}: ${seen}, but the plain spelling gives ${plain}`];
  }
  if (row.expect.includes(seen)) return [];
  return [`${where}: ${seen}, expected ${row.expect.join(" or ")}`];
}

/** Sends a row's bytes to a port. */
export function transmit(send: Send, port: number, shot: Shot): Promise<Outcome> {
  return send.kind === "http1"
    ? sendHttp1(port, send.bytes(shot), send.wait)
    : sendHttp2(port, send.frames(shot), send.answers);
}

function endingOf(outcome: Outcome): Ending {
  return outcome.statuses[0] ?? (outcome.end === "silent" ? "silent" : "closed");
}

/** The caller that a received request claims in its case header; without one nobody is entitled to anything. */
export function actorOf(received: Received): Actor {
  return actors.find((actor) => received.caseId.startsWith(`${actor}/`)) ?? "anon";
}

/**
 * Invariant I1: no application, in whichever of the ten ways it reads what it received, is asked for something that
 * the caller may not do, and none finds a header that only Picket may set with a value that the client made up.
 */
export function leaksOf(received: readonly Received[], forged: readonly string[] = []): string[] {
  return received.flatMap((one) => {
    const actor = actorOf(one);
    const where = `${one.emulator.id} received ${shown(one.request.line)} of ${one.caseId || "nobody"}`;
    const read = emulators
      .map((emulator) => ({ emulator, reading: readAs(emulator, one.request) }))
      .filter(({ reading }) => !mayReach(actor, reading.operation));
    const [first] = read;
    const served = read.map(({ emulator }) => emulator.id).join(" ");
    const reached = first ? [`${where}: ${named(first.reading.operation)} on ${served}`] : [];
    const asserted = new Set(emulators.flatMap((emulator) => assertedValues(emulator, one.request)));
    const values = one.request.headers.map(([, value]) => value);
    const made = forged
      .filter((text) => [...asserted, ...values].some((value) => value.includes(text)))
      .map((text) => `${where}: with a header that says ${text}`);
    return [...reached, ...made];
  });
}

function named(operation: Operation): string {
  return operation.kind === "order" ? `order ${operation.id}` : operation.kind;
}
