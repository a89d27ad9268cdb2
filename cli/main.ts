import { systemClock } from "../platform/clock.ts";
import { runCommandLine } from "./program.ts";

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
});
