import { systemClock } from "../platform/clock.ts";
import { runCommandLine } from "./program.ts";
import type { Shell } from "./shell.ts";

/** Runs the command line of this process, under the name by which people called it. */
export async function runProcess(name: NonNullable<Shell["name"]>): Promise<void> {
  // A reader that has seen enough (`picket … | head`) is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    folder: process.cwd(),
    clock: systemClock,
    name,
  });
}
