/**
 * Makes the root file system of every image in build/images/NAME and an archive build/images/NAME.tar that
 * `docker load`, `kind load image-archive` and `ctr images import` take. Names after the command restrict it to these.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { buildImage, compilePrograms } from "./images/build.ts";
import { imageNames } from "./images/root-filesystems.ts";

const root = join(import.meta.dirname, "..");

main(process.argv.slice(2));

function main(wanted: readonly string[]): void {
  const unknown = wanted.filter((name) => !imageNames.some((known) => known === name));
  if (unknown.length > 0) throw new TypeError(`there is no image ${unknown.join(", ")}; use ${imageNames.join(", ")}`);
  compilePrograms(root);
  for (const name of imageNames) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const image = buildImage(root, name);
    const megabytes = (statSync(image.archive).size / 1e6).toFixed(0);
    process.stdout.write(`${image.reference} sha256:${image.id} ${megabytes} MB\n`);
  }
}
