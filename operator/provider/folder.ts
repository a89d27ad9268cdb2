import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync, type Stats } from "node:fs";
import { join, relative, sep } from "node:path";

/** Largest file that is read. */
export const fileBytesMax = 1 << 20;

/** Files of one folder, subfolders included. A folder with more is refused whole: half of it would be a weaker policy. */
export const filesMax = 10_000;

/** Bytes of all files together. */
export const folderBytesMax = 64 << 20;

/** Depth of subfolders. */
export const depthMax = 16;

/** A file as found: its text, or why there is none. */
export interface FoundFile {
  /** Path relative to the folder. */
  readonly file: string;
  readonly content: { readonly kind: "text"; readonly text: string } | { readonly kind: "none"; readonly why: string };
}

/** Thrown when the folder itself cannot be taken as a whole. */
export class FolderError extends Error {
  readonly code = "folder-unreadable";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "FolderError";
  }
}

/** What identifies the state of a folder without reading its files. */
export interface FolderState {
  readonly entries: readonly Entry[];
  /** The folder and its subfolders. */
  readonly folders: readonly string[];
  readonly signature: string;
}

interface Entry {
  readonly file: string;
  readonly path: string;
  /** Set when the file must not or cannot be read. */
  readonly why?: string;
}

/** Every policy file below the folder with size and time, sorted. Throws FolderError. */
export function statFolder(folder: string): FolderState {
  const entries: Entry[] = [];
  const folders: string[] = [];
  const hash = createHash("sha256");
  const seen = new Set<string>();
  let bytes = 0;
  const root = attempt(() => realpathSync(folder), `the folder ${folder} cannot be read`);

  const visit = (path: string, depth: number): void => {
    folders.push(path);
    if (folders.length > filesMax) throw new FolderError(`${folder} holds more than ${filesMax} folders`);
    const names = attempt(() => readdirSync(path), `the folder ${path} cannot be read`).toSorted();
    for (const name of names) {
      // Dot names are editors' and version control's; Kubernetes mounts keep their generations in `..data`.
      if (name.startsWith(".") || name.endsWith("~")) continue;
      const child = join(path, name);
      const { stats, isLink, why } = lookUp(child);
      if (stats?.isDirectory()) {
        if (depth >= depthMax) throw new FolderError(`${child} lies deeper than ${depthMax} folders`);
        if (!isLink) visit(child, depth + 1);
        continue;
      }
      if (!/\.ya?ml$/i.test(name)) continue;
      const entry: Entry | undefined =
        why === undefined
          ? stats && describe(root, folder, child, stats)
          : { file: relative(root, child), path: child, why };
      if (entry === undefined || seen.has(entry.path)) continue;
      seen.add(entry.path);
      entries.push(entry);
      bytes += stats?.size ?? 0;
      hash.update(`${entry.file}\0${stats?.size}\0${stats?.mtimeMs}\0${stats?.ino}\0${entry.why ?? ""}\n`);
      if (entries.length > filesMax) throw new FolderError(`${folder} holds more than ${filesMax} files`);
      if (bytes > folderBytesMax) throw new FolderError(`${folder} holds more than ${folderBytesMax} bytes`);
    }
  };
  visit(root, 0);
  return { entries, folders, signature: hash.digest("hex") };
}

/** Reads the files of a state. A file that went away meanwhile has no text; the next state will know. */
export function readFolder(state: FolderState): readonly FoundFile[] {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return state.entries.map(({ file, path, why }) => {
    if (why !== undefined) return { file, content: { kind: "none", why } };
    try {
      return { file, content: { kind: "text", text: decoder.decode(readFileSync(path)) } };
    } catch (error) {
      const reason = error instanceof TypeError ? "is not UTF-8" : `cannot be read (${codeOf(error)})`;
      return { file, content: { kind: "none", why: reason } };
    }
  });
}

function describe(root: string, folder: string, path: string, stats: Stats): Entry | undefined {
  const file = relative(root, path);
  const real = lookUpReal(path);
  if (real === undefined) return undefined;
  if (!real.startsWith(root + sep)) return { file, path: real, why: `is a link that leads out of ${folder}` };
  if (!stats.isFile()) return { file, path: real, why: "is not a plain file" };
  if (stats.size > fileBytesMax) return { file, path: real, why: `is larger than ${fileBytesMax} bytes` };
  return { file, path: real };
}

interface Found {
  readonly isLink: boolean;
  /** Absent for what went away between listing and looking, and where `why` says what is wrong with it. */
  readonly stats?: Stats;
  readonly why?: string;
}

/** A link that leads nowhere is no deleted file: what it led to may be back soon. */
function lookUp(path: string): Found {
  let isLink = false;
  try {
    const own = lstatSync(path, { throwIfNoEntry: false });
    if (own === undefined) return { isLink };
    isLink = own.isSymbolicLink();
    if (!isLink) return { isLink, stats: own };
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? { isLink, why: "is a link to nowhere" } : { isLink, stats };
  } catch (error) {
    return { isLink, why: `cannot be looked at (${codeOf(error)})` };
  }
}

function lookUpReal(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function attempt<T>(action: () => T, message: string): T {
  try {
    return action();
  } catch (error) {
    throw new FolderError(`${message} (${codeOf(error)})`, error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown fault";
}
