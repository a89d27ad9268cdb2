import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CopiedLayer, ImageTarget } from "./dockerfile.ts";
import { folderEntries, writeTar, type TarEntry } from "./tar.ts";

export interface ArchiveOptions {
  /** Root of the repository, from which the Dockerfile copies. */
  readonly root: string;
  readonly target: ImageTarget;
  /** `repository:tag` under which the image is loaded. */
  readonly reference: string;
  readonly file: string;
}

/**
 * Packs a target as `docker load`, `kind load image-archive` and `ctr images import` read it, and gives the digest of
 * its configuration, which names all layers: the image id.
 */
export function writeArchive({ root, target, reference, file }: ArchiveOptions): string {
  mkdirSync(dirname(file), { recursive: true });
  const folder = mkdtempSync(`${file}-`);
  try {
    const digests = target.layers.map((layer, i) => writeTar(join(folder, `${i}.tar`), layerEntries(root, layer)));
    const configuration = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      created: "1970-01-01T00:00:00Z",
      config: {
        User: target.user,
        Env: ["PATH=/usr/sbin:/usr/bin", ...target.environment],
        Entrypoint: target.entrypoint,
        WorkingDir: target.folder,
      },
      rootfs: { type: "layers", diff_ids: digests.map((digest) => `sha256:${digest}`) },
    });
    const id = createHash("sha256").update(configuration).digest("hex");
    const layers = digests.map((digest) => `${digest}.tar`);
    const manifest = JSON.stringify([{ Config: `${id}.json`, RepoTags: [reference], Layers: layers }]);
    const entries: TarEntry[] = [
      textEntry("manifest.json", manifest),
      textEntry(`${id}.json`, configuration),
      ...layers.map((path, i): TarEntry => ({
        kind: "file",
        path,
        mode: 0o644,
        bytes: () => readFileSync(join(folder, `${i}.tar`)),
      })),
    ];
    writeTar(join(folder, "archive.tar"), entries);
    renameSync(join(folder, "archive.tar"), file);
    return id;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* layerEntries(root: string, { from, to }: CopiedLayer): Iterable<TarEntry> {
  const prefix = to.replace(/^\//, "");
  if (prefix !== "") yield { kind: "folder", path: prefix, mode: 0o755 };
  yield* folderEntries(join(root, from), prefix);
}

function textEntry(path: string, text: string): TarEntry {
  return { kind: "file", path, mode: 0o644, bytes: () => Buffer.from(text) };
}
