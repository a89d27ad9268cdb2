import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { CanaryAnswer } from "./answer.ts";

export interface CanaryAddress {
  readonly host: string;
  readonly port: number;
}

/** A workload that runs what it should, as far as proxies and scorers say. */
export interface CanaryTarget extends CanaryAddress {
  readonly workload: string;
  readonly path: string;
  /** Revision that the answer must name. */
  readonly revision: string;
  /** Everything that was published for the workload; a proof holds for this only. */
  readonly fingerprint: string;
}

/** One question; undefined when nothing answered. Never rejects. */
export type Probe = (target: CanaryTarget) => Promise<CanaryAnswer | undefined>;

/** First and longest wait between questions that prove nothing. */
export const retryMsMin = 50;
export const retryMsMax = 5_000;

/**
 * How long an application must go on answering until the workload is closed. A proxy says that it took a configuration
 * over shortly before its workers have: what was open before is open that much longer, and no longer than this.
 */
export const leakConfirmMs = 1_000;
/** Wait between questions while an application answers. */
const leakRetryMs = 100;

export interface CanaryOptions {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly log: Log;
  /** A workload was proven. */
  readonly proven: (target: CanaryTarget) => void;
  /** The application answers: close it. */
  readonly leaked: (target: CanaryTarget) => void;
}

interface Run {
  target: CanaryTarget;
  isProven: boolean;
  waitMs: number;
  leakingSince: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** Proves for each workload, after each change, that requests are judged. */
export class Canaries {
  readonly #options: CanaryOptions;
  readonly #runs = new Map<string, Run>();
  #isStopped = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** Replaces the workloads to prove. One that comes back after it was away is proven anew. */
  follow(targets: readonly CanaryTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.workload, target]));
    for (const [workload, run] of this.#runs) {
      if (wanted.get(workload)?.fingerprint === run.target.fingerprint) continue;
      clearTimeout(run.timer);
      this.#runs.delete(workload);
    }
    for (const target of targets) {
      const known = this.#runs.get(target.workload);
      // The pod that was asked may have gone; what is to be proven is the same.
      if (known !== undefined) known.target = target;
      if (known !== undefined) continue;
      const run: Run = { target, isProven: false, waitMs: retryMsMin, leakingSince: undefined, timer: undefined };
      this.#runs.set(target.workload, run);
      this.#later(run, 0);
    }
  }

  isProven(workload: string, fingerprint: string): boolean {
    const run = this.#runs.get(workload);
    return run !== undefined && run.isProven && run.target.fingerprint === fingerprint;
  }

  stop(): void {
    this.#isStopped = true;
    for (const run of this.#runs.values()) clearTimeout(run.timer);
    this.#runs.clear();
  }

  #later(run: Run, waitMs: number): void {
    run.timer = setTimeout(() => void this.#ask(run), waitMs);
  }

  async #ask(run: Run): Promise<void> {
    const { target } = run;
    const { probe, clock, log, proven, leaked } = this.#options;
    const answer = await probe(target);
    // The plan may have moved on while nobody answered.
    if (this.#isStopped || this.#runs.get(target.workload) !== run) return;
    if (answer === "leaked") {
      run.leakingSince ??= clock.monotonic();
      if (clock.monotonic() - run.leakingSince < leakConfirmMs) return this.#later(run, leakRetryMs);
      log.error("the application answered a request that its policy refuses; the workload is closed", {
        workload: target.workload,
        revision: target.revision,
      });
      leaked(target);
      return;
    }
    run.leakingSince = undefined;
    if (answer === "proven") {
      run.isProven = true;
      proven(target);
      return;
    }
    this.#later(run, run.waitMs);
    run.waitMs = Math.min(retryMsMax, run.waitMs * 2);
  }
}
