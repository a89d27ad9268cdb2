import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the state of a folder lies when nobody says otherwise: the same place each time, another for each folder. */
export function defaultStateFolder(folder: string, environment: NodeJS.ProcessEnv): string {
  const base = environment.XDG_STATE_HOME || join(environment.HOME || homedir(), ".local", "state");
  const name = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 16);
  return join(base, "picket", name);
}

/** What a running instance tells about itself in `run.json` of its state folder. */
export interface RunningInstance {
  readonly pid: number;
  readonly folder: string;
  readonly statusAddress: string;
  readonly sockets: Readonly<Record<string, string>>;
  readonly children: Readonly<Record<string, number>>;
}
