import { systemClock, type Clock } from "./clock.ts";
import { ConfigError, oneOf } from "./config.ts";
import { createLog, logLevels, type Log, type LogFormat, type LogLevel } from "./log.ts";
import { Registry } from "./metrics.ts";
import { stopSignal } from "./shutdown.ts";

/** Settings that every program has. */
export const logSettings = {
  logLevel: oneOf("PICKET_LOG_LEVEL", logLevels, { meaning: "least level that is logged", fallback: "info" }),
  logFormat: oneOf("PICKET_LOG_FORMAT", ["text", "json"], { meaning: "form of log lines", fallback: "text" }),
};

/** What every program is built on. */
export interface ProgramParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** Fires when the program is told to stop. */
  readonly stopping: AbortSignal;
}

export function programParts(
  name: string,
  config: { readonly logLevel: LogLevel; readonly logFormat: LogFormat },
): ProgramParts {
  const clock = systemClock;
  const write = (line: string): void => void process.stderr.write(line);
  const log = createLog({ level: config.logLevel, format: config.logFormat, clock, write }).with({ program: name });
  return { clock, log, registry: new Registry(), stopping: stopSignal(log) };
}

/** Waits until the program is told to stop. */
export async function untilStopped(stopping: AbortSignal): Promise<void> {
  if (stopping.aborted) return;
  await new Promise<void>((resolve) => stopping.addEventListener("abort", () => resolve(), { once: true }));
}

/** Runs a program. What keeps it from starting is said in one line each, with exit code 2. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const problems = error instanceof ConfigError ? error.problems : [message];
    for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
    process.exitCode = 2;
  }
}
