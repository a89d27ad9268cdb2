import { setTimeout as sleep } from "node:timers/promises";

export interface PollOptions {
  readonly timeoutMs: number;
  /** What is waited for, for the message when it does not come. */
  readonly what: string;
  readonly intervalMs?: number;
}

/**
 * Asks again and again until the probe gives something that is neither undefined nor false. A probe that throws is
 * asked again; its last error is the cause of the error that tells that the time is over.
 */
export async function poll<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: PollOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const last = cause instanceof Error ? `: ${cause.message}` : "";
      throw new Error(`${options.what} did not come within ${options.timeoutMs / 1_000} s${last}`, { cause });
    }
    await sleep(options.intervalMs ?? 100);
  }
}
