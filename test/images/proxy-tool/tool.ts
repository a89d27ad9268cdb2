import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const source = join(import.meta.dirname, "../../../images/proxy-tool");

/** Builds the tool as the image does. Without Go the test is skipped by name, except where everything must run. */
export function buildTool(context: Mocha.Context): string {
  const program = join(mkdtempSync(join(tmpdir(), "proxy-tool-")), "picket-proxy-tool");
  const built = spawnSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", program, "."], {
    cwd: source,
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" },
  });
  if (built.status === 0) return program;
  if (built.error === undefined || process.env.CI === "true") {
    throw new Error(`the tool cannot be built: ${built.stderr ?? String(built.error)}`);
  }
  return context.skip();
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export function run(
  program: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, [...parameters], { env, encoding: "utf8", timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
