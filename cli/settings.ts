import { readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { cacheFolder, findEnvoy } from "../platform/envoy-binary.ts";
import type { Shell } from "./shell.ts";

/** Where `picket run` answers about itself unless it is told otherwise. */
export const statusAddressDefault = "127.0.0.1:15021";
/** Where `picket run` keeps a state folder for each folder of policies unless it is told otherwise. */
export function statesFolderOf({ environment }: Shell): string {
  const base = environment["XDG_STATE_HOME"] || join(environment["HOME"] || homedir(), ".local", "state");
  return join(base, "picket");
}

/** The state folder that was used last; the folder above all of them when there is none. */
function latestStateFolder(shell: Shell): string {
  const above = statesFolderOf(shell);
  try {
    const folders = readdirSync(above).map((name) => join(above, name));
    const times = folders.map((path) => ({ path, time: timeOf(join(path, "run.json")) }));
    return times.toSorted((a, b) => b.time - a.time)[0]?.path ?? above;
  } catch {
    // Nothing has run yet.
    return above;
  }
}

function timeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** One setting that people may put into the environment of `picket`; docs/reference/commands.md lists them. */
export interface CommandSetting {
  readonly name: string;
  readonly meaning: string;
  /** The value in force. */
  readonly value: (shell: Shell) => string;
}

/** Every setting of the command line and of what it starts. */
export const commandSettings: readonly CommandSetting[] = [
  {
    name: "PICKET_STATUS_ADDRESS",
    meaning: "where a running Picket answers, host:port",
    value: ({ environment }) => environment["PICKET_STATUS_ADDRESS"] || statusAddressDefault,
  },
  {
    name: "PICKET_STATE_DIR",
    meaning:
      "folder of a run for status, decisions and last good generations; by default one for each folder of policies",
    value: (shell) => {
      const named = shell.environment["PICKET_STATE_DIR"];
      return named ? resolve(shell.folder, named) : latestStateFolder(shell);
    },
  },
  {
    name: "PICKET_CACHE",
    meaning: "folder for tools that are fetched once",
    value: ({ environment }) => cacheFolder({ ...environment }),
  },
  {
    name: "PICKET_ENVOY",
    meaning: "the Envoy to run",
    value: ({ environment }) => findEnvoy({ ...environment }) ?? "none found",
  },
  fixed("PICKET_LOG_LEVEL", "least level that is logged", "info"),
  fixed("PICKET_LOG_FORMAT", "form of log lines, text or json", "text"),
  fixed("PICKET_DECISIONS", "which decisions are written, all or refusals", "all"),
  fixed("PICKET_RECORD_VIEWS", "keep path and host of each request in its decision, off or on", "off"),
  fixed("NO_COLOR", "anything: no colours", ""),
];

function fixed(name: string, meaning: string, fallback: string): CommandSetting {
  return { name, meaning, value: ({ environment }) => environment[name] || fallback };
}

/** An option, else the environment, else the default. */
export function settingOf(shell: Shell, name: string, option: string | undefined): string {
  const setting = commandSettings.find((candidate) => candidate.name === name);
  if (option !== undefined) return name === "PICKET_STATE_DIR" ? resolve(shell.folder, option) : option;
  return setting?.value(shell) ?? "";
}
