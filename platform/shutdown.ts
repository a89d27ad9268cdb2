import type { Log } from "./log.ts";

/** Milliseconds a program may take to stop after a signal before it is ended. */
export const shutdownGraceMs = 10_000;

/**
 * An AbortSignal that fires on SIGTERM or SIGINT. The only place that installs signal handlers: a program stops its
 * parts in reverse when the signal says so. Ends the process when the parts do not stop in time.
 */
export function stopSignal(log: Log): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) return;
    log.info("stopping", { signal });
    setTimeout(() => {
      log.error("parts did not stop in time", { graceMs: shutdownGraceMs });
      process.exit(1);
    }, shutdownGraceMs).unref();
    controller.abort();
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  return controller.signal;
}

/** Counts faults that nobody caught, and goes on: one bad request must not end a program that judges others. */
export function surviveFaults(log: Log, count: () => void): void {
  const survive = (error: unknown): void => {
    count();
    log.error("fault that nobody caught", { error });
  };
  process.on("unhandledRejection", survive);
  process.on("uncaughtException", survive);
}
