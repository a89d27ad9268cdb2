import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runToEnd, startChild, type Child } from "./child.ts";
import { DemoError } from "./demo-error.ts";
import type { Stage } from "./stage.ts";

/** `bin/picket` of this checkout. */
export const picketProgram = fileURLToPath(new URL("../../bin/picket", import.meta.url));

/** How long Picket may take until every policy is programmed. */
const readyTimeoutMs = 60_000;
const explainTimeoutMs = 15_000;

/** Starts `picket run` on the copied policies, as anybody would. */
export function startPicket(program: string, stage: Stage, statusPort: number): Child {
  const args = ["run", stage.policies, "--status-address", `127.0.0.1:${statusPort}`, "--state-dir", stage.state];
  return startChild("picket run", program, [...args, "-o", "json"]);
}

/** Waits until `/readyz` says that every policy is programmed. */
export async function waitUntilReady(child: Child, statusPort: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    if (!child.isRunning()) {
      throw new DemoError("picket run ended before it was ready", lastLines(child));
    }
    if (await isReady(statusPort)) return;
    await sleep(100, undefined, { signal });
  }
  throw new DemoError(`picket run was not ready after ${readyTimeoutMs / 1_000} s`, lastLines(child));
}

async function isReady(statusPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${statusPort}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

/** What `picket explain` says of a decision; `ok` is false when it could not say. */
export interface Explanation {
  readonly command: string;
  readonly text: string;
  readonly ok: boolean;
}

export async function explain(
  program: string,
  decision: string,
  stage: Stage,
  statusPort: number,
): Promise<Explanation> {
  const address = ["--status-address", `127.0.0.1:${statusPort}`, "--state-dir", stage.state];
  const { code, stdout, stderr } = await runToEnd(program, ["explain", decision, ...address], explainTimeoutMs);
  const ok = code === 0 && stdout.trim() !== "";
  return { command: `bin/picket explain ${decision}`, text: (ok ? stdout : stderr || stdout).trimEnd(), ok };
}

function lastLines(child: Child): string {
  return child.words().split("\n").slice(-12).join("\n");
}
