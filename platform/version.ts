import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Folders above this file that are looked into: sources lie one below package.json, built files two. */
const foldersAboveMax = 3;

let known: string | undefined;

/** The version in package.json; `unknown` where the programs were installed without it. */
export function versionOf(): string {
  known ??= readVersion();
  return known;
}

function readVersion(): string {
  let folder = import.meta.dirname;
  for (let i = 0; i < foldersAboveMax; i++) {
    folder = dirname(folder);
    const file = join(folder, "package.json");
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as { name?: unknown; version?: unknown };
    if (name === "picket" && typeof version === "string") return version;
  }
  return "unknown";
}
