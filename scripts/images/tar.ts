import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

const blockBytes = 512;

/** One entry of an archive. Times are 0 and the owner is root: what is packed twice is the same twice. */
export type TarEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: () => Uint8Array };

const typeFlags = { file: "0", link: "2", folder: "5" } as const;

/** Writes entries as a ustar archive and gives its SHA-256. */
export function writeTar(file: string, entries: Iterable<TarEntry>): string {
  const hash = createHash("sha256");
  const output = openSync(file, "w");
  const write = (bytes: Uint8Array): void => {
    hash.update(bytes);
    for (let at = 0; at < bytes.length;) at += writeSync(output, bytes, at);
  };
  try {
    for (const entry of entries) {
      const bytes = entry.kind === "file" ? entry.bytes() : new Uint8Array();
      write(header(entry, bytes.length));
      write(bytes);
      write(new Uint8Array((blockBytes - (bytes.length % blockBytes)) % blockBytes));
    }
    write(new Uint8Array(2 * blockBytes));
  } finally {
    closeSync(output);
  }
  return hash.digest("hex");
}

/** The entries of a folder in the order of their names, as they lie in an image under `prefix`. */
export function* folderEntries(folder: string, prefix: string): Iterable<TarEntry> {
  for (const name of readdirSync(folder).toSorted()) {
    const source = join(folder, name);
    const path = `${prefix}${name}`;
    const facts = lstatSync(source);
    if (facts.isSymbolicLink()) yield { kind: "link", path, target: readlinkSync(source) };
    else if (facts.isDirectory()) {
      yield { kind: "folder", path: `${path}/`, mode: facts.mode & 0o7777 };
      yield* folderEntries(source, `${path}/`);
    } else yield { kind: "file", path, mode: facts.mode & 0o7777, bytes: () => readFileSync(source) };
  }
}

function header(entry: TarEntry, size: number): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  const [name, prefix] = splitPath(entry.path);
  block.write(name, 0, 100);
  block.write(octal(entry.kind === "link" ? 0o777 : entry.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.fill(" ", 148, 156);
  block.write(typeFlags[entry.kind], 156);
  if (entry.kind === "link") block.write(fit(entry.target, 100), 157);
  block.write("ustar\u{0}00", 257);
  block.write(prefix, 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u{0} `, 148);
  return block;
}

/** ustar holds 100 bytes of name, and 155 of the folders before it. */
function splitPath(path: string): [name: string, prefix: string] {
  if (Buffer.byteLength(path) <= 100) return [path, ""];
  const at = path.indexOf("/", Math.max(0, path.length - 101));
  if (at <= 0 || at === path.length - 1) throw new RangeError(`the path is too long for an archive: ${path}`);
  return [fit(path.slice(at + 1), 100), fit(path.slice(0, at), 155)];
}

function fit(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) > bytesMax) throw new RangeError(`the path is too long for an archive: ${text}`);
  return text;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\u{0}`;
}
