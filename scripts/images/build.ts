import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeArchive } from "./archive.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { buildRootFilesystem, type ImageName } from "./root-filesystems.ts";

/** Registry under whose name images are made until `global.imageRegistry` says another. */
export const imageRegistry = "picket.dev";

export interface BuiltImage {
  readonly name: ImageName;
  /** `registry/repository:tag`, as the chart asks for it by default. */
  readonly reference: string;
  /** SHA-256 of the configuration, which names every layer. */
  readonly id: string;
  readonly folder: string;
  readonly archive: string;
}

/** Version of the product, which is the tag of its images and `appVersion` of the chart. */
export function productVersion(root: string): string {
  return (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
}

/** Compiles the programs that images hold. */
export function compilePrograms(root: string): void {
  execFileSync(join(root, "node_modules/.bin/tsc"), ["--build", "operator", "sidecar", "examples"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Makes build/images/NAME and build/images/NAME.tar. `compilePrograms` comes before. */
export function buildImage(root: string, name: ImageName): BuiltImage {
  const output = join(root, "build/images");
  buildRootFilesystem(name, { root, compiled: join(root, "build"), output });
  const reference = `${imageRegistry}/${name}:${productVersion(root)}`;
  const archive = join(output, `${name}.tar`);
  const target = parseDockerfile(readFileSync(join(root, "images/Dockerfile"), "utf8")).get(name);
  if (target === undefined) throw new Error(`images/Dockerfile has no target ${name}`);
  const id = writeArchive({ root, target, reference, file: archive });
  return { name, reference, id, folder: join(output, name), archive };
}
