/** Waits that double from one failure to the next. */
export interface Backoff {
  /** Milliseconds to wait now. */
  nextMs(): number;
  reset(): void;
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Each wait is between half of its step and the whole, so that replicas which failed together do not return together. */
export function createBackoff(options: BackoffOptions): Backoff {
  let step = options.firstMs;
  return {
    nextMs: () => {
      const ms = step * (0.5 + options.random() / 2);
      step = Math.min(step * 2, options.maxMs);
      return ms;
    },
    reset: () => {
      step = options.firstMs;
    },
  };
}
