import { fileURLToPath } from "node:url";
import { runCommandLine } from "../../cli/program.ts";

/** The folder of the checkout, from which the commands of these tests are given. */
export const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Given {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Columns of a terminal; a pipe when left out. */
  readonly columns?: number;
}

/** Runs one command line inside the test and keeps what it writes. Nothing of this machine's environment is seen. */
export async function picket(args: readonly string[], given: Given = {}): Promise<Answer> {
  let stdout = "";
  let stderr = "";
  const terminal = given.columns === undefined ? {} : { isTTY: true, columns: given.columns };
  const code = await runCommandLine(args, {
    stdout: { write: (text) => (stdout += text), ...terminal },
    stderr: { write: (text) => (stderr += text) },
    environment: {
      PICKET_STATE_DIR: "/nonexistent/picket",
      PICKET_STATUS_ADDRESS: "127.0.0.1:1",
      ...given.environment,
    },
    folder: given.folder ?? checkout,
    clock: { now: () => Date.UTC(2026, 0, 5, 9), monotonic: () => 0 },
  });
  return { code, stdout, stderr };
}
