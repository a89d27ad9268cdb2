import { request } from "node:http";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { parseReport, type ClientReport } from "./client-report.ts";

/** How often another replica is asked, and how long its answer may take. */
export const askMs = 1_000;
const answerMs = 2_000;

/** How long a replica that does not answer is still counted. Its clients come to another within seconds. */
export const keptMs = 5_000;

/** Longest answer that is read. */
const answerBytesMax = 16 << 20;

/** Replicas that are asked; more of them are no sensible install. */
export const peersMax = 16;

/** Where a replica shows what it knows of its clients. */
export const reportPath = "/clients";

export interface PeersOptions {
  /** Addresses `host:port` of the other replicas as they are now. */
  readonly addresses: () => readonly string[];
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Heard {
  readonly report: ClientReport;
  readonly text: string;
  readonly atMs: number;
}

/** Asks the other replicas what they know of their clients. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #heard = new Map<string, Heard>();
  readonly #asking = new Set<string>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  start(signal: AbortSignal): void {
    const timer = setInterval(() => this.#ask(), askMs);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  *reports(): Iterable<ClientReport> {
    for (const { report } of this.#heard.values()) yield report;
  }

  *leaks(): Iterable<readonly [workload: string, revision: string]> {
    for (const { report } of this.#heard.values()) yield* Object.entries(report.leaks);
  }

  #ask(): void {
    const { addresses, changed, clock } = this.#options;
    const present = new Set(addresses().slice(0, peersMax));
    for (const [address, { atMs }] of this.#heard) {
      if (present.has(address) && clock.monotonic() - atMs < keptMs) continue;
      this.#heard.delete(address);
      changed();
    }
    for (const address of present) {
      if (this.#asking.has(address)) continue;
      this.#asking.add(address);
      void this.#askOne(address);
    }
  }

  async #askOne(address: string): Promise<void> {
    const text = await fetchText(address);
    this.#asking.delete(address);
    if (text === undefined) this.#options.log.debug("another replica does not answer", { address });
    else this.#take(address, text);
  }

  #take(address: string, text: string): void {
    const { changed, clock, log } = this.#options;
    const before = this.#heard.get(address);
    const atMs = clock.monotonic();
    if (before?.text === text) return void this.#heard.set(address, { ...before, atMs });
    const report = parseReport(parseJson(text));
    if (report === undefined) return log.warn("another replica answers something else than a report", { address });
    this.#heard.set(address, { report, text, atMs });
    changed();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined for anything but a whole answer in time. Never rejects. */
function fetchText(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const url = `http://${address}${reportPath}`;
    const question = request(url, { signal: AbortSignal.timeout(answerMs) }, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerBytesMax) question.destroy();
        else chunks.push(chunk);
      });
      answer.on("end", () => resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString("utf8") : undefined));
    });
    question.on("error", () => resolve(undefined));
    question.on("close", () => resolve(undefined));
    question.end();
  });
}
