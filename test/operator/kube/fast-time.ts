import type { Timers } from "../../../operator/kube/timers.ts";
import type { Clock } from "../../../platform/clock.ts";

/** Time that runs faster than ours, for waits between real requests. */
export function fastTime(factor: number): Clock & Timers {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * factor,
    after: (ms, run) => {
      const timer = setTimeout(run, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}
