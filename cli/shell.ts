import type { Clock } from "../platform/clock.ts";
import type { Environment, Output } from "./demo/screen.ts";

/** What a command works with: results go to stdout, progress and hints to stderr, and nothing else is global. */
export interface Shell {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
  /** Folder that relative paths start from. */
  readonly folder: string;
  readonly clock: Clock;
  /** How people call the program: `picket` when left out. As a plugin of kubectl it always means a cluster. */
  readonly name?: "picket" | "kubectl picket";
}

/** Exit codes of every command, whatever the output format is. */
export const exitCodes = {
  fine: 0,
  /** Findings, failed tests, something unhealthy. */
  findings: 1,
  /** Wrong usage or an unreadable file. */
  usage: 2,
  /** The service cannot be reached. */
  unreachable: 3,
  timedOut: 4,
} as const;
