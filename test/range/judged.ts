import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Received } from "./emulators/server.ts";
import { shown } from "./vectors/vector.ts";

/** Asks the scorer to write all its decisions down, each with the view it judged. */
export const recordEverything = { PICKET_RECORD_VIEWS: "on", PICKET_DECISIONS: "all" } as const;

/** The part of a decision record that this range looks at. */
interface Judged {
  readonly verdict: string;
  readonly view: { readonly method: string; readonly target: string; readonly host: string };
}

/** How long a decision may take from the check path to its file. */
const writtenWithinMs = 5_000;

/**
 * Invariant I2: what an application received is word for word what was judged, and allowed, under the decision that
 * came with it, and no decision let two requests through. Gives one sentence for each difference.
 */
export async function differences(received: readonly Received[], stateFolder: string): Promise<string[]> {
  const wanted = received.flatMap(({ decisionId }) => decisionId ?? []);
  const deadline = performance.now() + writtenWithinMs;
  let judged = readJudged(stateFolder);
  while (wanted.some((id) => !judged.has(id)) && performance.now() < deadline) {
    await sleep(100);
    judged = readJudged(stateFolder);
  }
  const seen = new Set<string>();
  return received.flatMap((one) => {
    const where = `${one.emulator.id} received ${shown(one.request.line)}`;
    const id = one.decisionId;
    if (id === undefined) return [`${where} without a decision`];
    if (seen.has(id)) return [`${where} under decision ${id}, which let another request through`];
    seen.add(id);
    const decision = judged.get(id);
    if (decision === undefined) return [`${where} under decision ${id}, of which there is no record`];
    const host = one.request.headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? "";
    const [is, was] = [
      `${one.request.method} ${one.request.target} at ${host}`,
      `${decision.view.method} ${decision.view.target} at ${decision.view.host}`,
    ];
    if (decision.verdict !== "allow") return [`${where} though decision ${id} says ${decision.verdict}`];
    return is === was ? [] : [`${where}: ${shown(is)}, but ${shown(was)} was judged`];
  });
}

function readJudged(stateFolder: string): Map<string, Judged> {
  const found = new Map<string, Judged>();
  for (const name of readdirSync(stateFolder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".jsonl")) continue;
    for (const line of readFileSync(path.join(stateFolder, name), "utf8").split("\n")) {
      // The last line may still be half written.
      if (!line.startsWith("{") || !line.endsWith("}")) continue;
      const record = JSON.parse(line) as { id?: string; verdict?: string; view?: Judged["view"] };
      if (record.id === undefined || record.verdict === undefined || record.view === undefined) continue;
      found.set(record.id, { verdict: record.verdict, view: record.view });
    }
  }
  return found;
}
