import { spawnSync } from "node:child_process";

/** Milliseconds that a program may take to say its version. */
const versionMsMax = 5_000;

/** The version that a program says it is of; undefined when it does not answer as Envoy does. */
export function envoyVersionOf(program: string, { PATH }: NodeJS.ProcessEnv): string | undefined {
  const { stdout } = spawnSync(program, ["--version"], {
    encoding: "utf8",
    timeout: versionMsMax,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH },
  });
  return /\bversion: [0-9a-f]+\/([0-9]+\.[0-9]+\.[0-9]+[^/\s]*)\//.exec(stdout ?? "")?.[1];
}
