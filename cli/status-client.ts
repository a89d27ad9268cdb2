import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "./errors.ts";
import { settingOf } from "./settings.ts";
import { exitCodes, type Shell } from "./shell.ts";

/** How long a running Picket may take to answer. */
export const statusTimeoutMs = 5_000;
/** Largest answer that is read. */
export const statusBytesMax = 64 * 1_048_576;

export interface Reach {
  readonly statusAddress?: string | undefined;
  readonly stateDir?: string | undefined;
}

/** The address of a running Picket: the option, what the run wrote into its state folder, or the default. */
export function statusAddressOf(shell: Shell, reach: Reach): string {
  if (reach.statusAddress === undefined && !shell.environment["PICKET_STATUS_ADDRESS"]) {
    const written = readRunFile(stateFolderOf(shell, reach));
    if (written !== undefined) return written;
  }
  return settingOf(shell, "PICKET_STATUS_ADDRESS", reach.statusAddress);
}

/** Longest that a command waits to learn whether a run answers, before it looks at the cluster instead. */
const runAnswersMs = 1_000;

/** Whether the command is about a run on this machine: one is named, or one that has run here answers. */
export async function isRunMeant(shell: Shell, reach: Reach): Promise<boolean> {
  const { environment } = shell;
  if (reach.statusAddress !== undefined || reach.stateDir !== undefined) return true;
  if (environment["PICKET_STATUS_ADDRESS"] || environment["PICKET_STATE_DIR"]) return true;
  const written = readRunFile(stateFolderOf(shell, reach));
  if (written === undefined) return false;
  try {
    await fetchPage(written, "/readyz", { timeoutMs: runAnswersMs });
    return true;
  } catch {
    // It has ended.
    return false;
  }
}

export function stateFolderOf(shell: Shell, reach: Reach): string {
  return settingOf(shell, "PICKET_STATE_DIR", reach.stateDir);
}

function readRunFile(stateFolder: string): string | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(stateFolder, "run.json"), "utf8"));
    const address =
      typeof value === "object" && value !== null && "statusAddress" in value ? value.statusAddress : undefined;
    return typeof address === "string" && isAddress(address) ? address : undefined;
  } catch {
    // Nothing has run here, or an older one that left no address.
    return undefined;
  }
}

function isAddress(text: string): boolean {
  return /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/.test(text);
}

/** What a page answered; `undefined` body for 404. */
export interface StatusPage {
  readonly status: number;
  readonly body: unknown;
}

/** Asks a running Picket for one page. Throws CommandError when it cannot be reached or takes too long. */
export async function fetchPage(
  address: string,
  page: string,
  { timeoutMs = statusTimeoutMs, bytesMax = statusBytesMax } = {},
): Promise<StatusPage> {
  if (!isAddress(address)) {
    throw new CommandError(
      "PKT0901",
      `${JSON.stringify(address)} is not an address`,
      "write --status-address host:port",
    );
  }
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`http://${address}${page}`, { signal, redirect: "error" });
    const text = await readBounded(response, bytesMax);
    return { status: response.status, body: response.ok ? parseBody(text) : text };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof Error && error.name === "TimeoutError") {
      const message = `${address} did not answer within ${timeoutMs / 1_000} s`;
      throw new CommandError("PKT0906", message, "look at the log of picket run", exitCodes.timedOut);
    }
    const fix = "start one with picket run DIR, or name its --status-address";
    throw new CommandError("PKT0905", `no Picket answers at ${address}`, fix, exitCodes.unreachable);
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > bytesMax) {
      throw new CommandError("PKT0905", "the answer is too large", "check what listens there", exitCodes.unreachable);
    }
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}
