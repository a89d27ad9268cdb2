import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";
import { exitCodes, type Shell } from "../shell.ts";

export const compileOutputs = ["envoy", "plan", "scorer", "effective"] as const;
export type CompileOutput = (typeof compileOutputs)[number];

/** How long the operator may take for a folder. */
const compileTimeoutMs = 60_000;

const operatorProgram = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));

/** Prints what a folder becomes. The operator answers: it is the only program that knows. */
export async function compilePolicies(shell: Shell, folder: string, output: CompileOutput): Promise<number> {
  const args = ["--disable-warning=ExperimentalWarning", operatorProgram];
  const child = spawn(process.execPath, [...args, "--compile", resolve(shell.folder, folder), "--output", output], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: compileTimeoutMs,
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => shell.stdout.write(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => shell.stderr.write(text));
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code === null) {
    const message = `the operator did not answer within ${compileTimeoutMs / 1_000} s`;
    throw new CommandError("PKT0906", message, "try a smaller folder", exitCodes.timedOut);
  }
  if (code !== 0 && code !== exitCodes.usage) {
    throw new CommandError(
      "PKT0908",
      `the operator ended with code ${code}`,
      "read what it said above",
      exitCodes.findings,
    );
  }
  return code;
}
