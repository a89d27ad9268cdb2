/** Waiting, as an argument: tests pass timers that they move by hand. */
export interface Timers {
  /** Runs once after that time; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** Longest that a timer of Node waits; a longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, timerMsMax));
    return () => clearTimeout(timer);
  },
};

/** Resolves after that time, or as soon as the signal is aborted. */
export function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = timers.after(ms, done);
    signal.addEventListener("abort", done);
  });
}
