import { closeSync, openSync, readSync } from "node:fs";
import { writeTar, type TarEntry } from "../../../scripts/images/tar.ts";

const blockBytes = 512;

interface Member {
  readonly path: string;
  readonly bytes: () => Buffer;
}

/** Image archives as one, in which layers that several share lie once: half of what containerd has to read. */
export function combineArchives(archives: readonly string[], file: string): void {
  const members = new Map<string, Member>();
  const images: unknown[] = [];
  for (const member of archives.flatMap(membersOf)) {
    // Everything but the list of images is named by its digest.
    if (member.path === "manifest.json") images.push(...(JSON.parse(member.bytes().toString("utf8")) as unknown[]));
    else members.set(member.path, member);
  }
  const manifest = Buffer.from(JSON.stringify(images));
  const all = [{ path: "manifest.json", bytes: () => manifest }, ...members.values()];
  writeTar(
    file,
    all.map(({ path, bytes }): TarEntry => ({ kind: "file", path, mode: 0o644, bytes })),
  );
}

function membersOf(archive: string): readonly Member[] {
  const input = openSync(archive, "r");
  try {
    const found: Member[] = [];
    for (let at = 0; ;) {
      const header = readAt(input, at, blockBytes);
      const path = header.toString("utf8", 0, 100).replace(/\0.*$/s, "");
      if (path === "") return found;
      const size = Number.parseInt(header.toString("latin1", 124, 136), 8);
      const start = at + blockBytes;
      found.push({ path, bytes: () => readFrom(archive, start, size) });
      at = start + Math.ceil(size / blockBytes) * blockBytes;
    }
  } finally {
    closeSync(input);
  }
}

function readFrom(file: string, start: number, size: number): Buffer {
  const input = openSync(file, "r");
  try {
    return readAt(input, start, size);
  } finally {
    closeSync(input);
  }
}

function readAt(input: number, start: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let read = 0; read < size;) {
    const got = readSync(input, bytes, read, size - read, start + read);
    if (got === 0) break; // past the end: zeros, which end an archive
    read += got;
  }
  return bytes;
}
