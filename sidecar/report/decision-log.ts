import { open, rename, stat, type FileHandle } from "node:fs/promises";
import type { Log } from "../../platform/log.ts";
import type { Decision, DecisionRecord } from "./decision-record.ts";

/** Decisions that wait to be written; beyond it they are dropped and counted. */
export const decisionQueueMax = 16_384;

/** Characters of judged paths that wait along with them, where those are kept; beyond it decisions are dropped too. */
export const viewCharactersMax = 32 * 1024 * 1024;

/** Bytes of the log before it is moved to `<file>.1`, which is then replaced. */
export const decisionLogBytesMax = 64 * 1024 * 1024;

/** Milliseconds between writes. */
export const decisionFlushMs = 200;

/** Decisions that one write takes, so that no write holds the event loop for long. */
const batchMax = 1_000;

export interface DecisionLogOptions {
  readonly file: string;
  /** `decisionLogBytesMax` by default. */
  readonly bytesMax?: number | undefined;
  readonly print: (decision: Decision) => DecisionRecord;
  readonly dropped: (count: number) => void;
  readonly written: (count: number) => void;
  readonly log: Log;
}

/**
 * Writes decisions as JSON lines, off the check path: `add` only queues. A full queue or a disk that cannot be written
 * drops decisions, counted, and never slows a verdict.
 */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  #queue: Decision[] = [];
  #viewCharacters = 0;
  #file: FileHandle | undefined;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isFailing = false;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
  }

  add(decision: Decision): void {
    const characters = decision.view?.target.length ?? 0;
    const isFull = this.#queue.length >= decisionQueueMax || this.#viewCharacters + characters > viewCharactersMax;
    if (isFull) return this.#options.dropped(1);
    this.#viewCharacters += characters;
    this.#queue.push(decision);
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A disk that hangs must not let writes queue up: what waits is in the queue, which has a bound.
      if (this.#isWriting) return;
      this.#isWriting = true;
      this.#writing = this.#drain().finally(() => (this.#isWriting = false));
    }, decisionFlushMs);
    this.#timer.unref();
  }

  /** Writes what waits and closes the file. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.#drain();
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Writes batch by batch; after a failure the rest waits for the next try. */
  async #drain(): Promise<void> {
    do await this.#flush();
    while (this.#queue.length > 0 && !this.#isFailing);
  }

  async #flush(): Promise<void> {
    if (this.#queue.length === 0) return;
    const batch = this.#queue.slice(0, batchMax);
    this.#queue = this.#queue.slice(batchMax);
    for (const { view } of batch) this.#viewCharacters -= view?.target.length ?? 0;
    try {
      const lines = `${batch.map((decision) => JSON.stringify(this.#options.print(decision))).join("\n")}\n`;
      const file = await this.#openFile();
      await file.appendFile(lines);
      this.#bytes += Buffer.byteLength(lines);
      this.#options.written(batch.length);
      this.#isFailing = false;
    } catch (error) {
      this.#options.dropped(batch.length);
      // Said once, not once per batch: a full disk must not fill the program's own log as well.
      if (!this.#isFailing) this.#options.log.error("decisions cannot be written", { error });
      this.#isFailing = true;
      await this.#close();
    }
  }

  async #openFile(): Promise<FileHandle> {
    if (this.#file !== undefined && this.#bytes > (this.#options.bytesMax ?? decisionLogBytesMax)) {
      await this.#close();
      await rename(this.#options.file, `${this.#options.file}.1`);
    }
    if (this.#file === undefined) {
      this.#file = await open(this.#options.file, "a", 0o600);
      this.#bytes = (await stat(this.#options.file)).size;
    }
    return this.#file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }
}
