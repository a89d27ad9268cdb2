import { watch, type FSWatcher } from "node:fs";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import type { Log } from "../../platform/log.ts";
import { readFolder, statFolder, type FolderState, type FoundFile } from "./folder.ts";
import type { Provider, ReadText, SourceSnapshot, SourceText } from "./provider.ts";

/** Quiet time after a change before the folder is read: an editor writes in several steps. */
export const quietMs = 100;

/** Longest that a folder which never comes to rest is left unread. */
export const quietMsMax = 2_000;

/** How often the folder is looked at without being told: not every file system tells. */
export const rescanMs = 2_000;

/** Folders that are watched for events; the others are only looked at. */
export const watchersMax = 1_000;

/** Reads of a folder that changes while it is read, before the last one is taken. */
const readsMax = 5;

export interface FilesOptions {
  readonly folder: string;
  readonly read: ReadText;
  readonly log: Log;
  /** Called when the folder cannot be read as a whole, and with undefined when it can again. */
  readonly unreadable: (why: string | undefined) => void;
}

/** A folder of YAML files as a source of objects. */
export function createFilesProvider(options: FilesOptions): Provider {
  return {
    start: (signal, deliver) => {
      const follower = new Follower(options, deliver);
      follower.readNow();
      follower.follow(signal);
      return Promise.resolve();
    },
  };
}

class Follower {
  readonly #options: FilesOptions;
  readonly #deliver: (snapshot: SourceSnapshot) => void;
  #signature = "";
  #folders: readonly string[] = [];
  #isFollowing = false;
  readonly #watchers = new Map<string, FSWatcher>();
  #firstChangeAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Texts of the last delivery, so that only files that changed are parsed again. */
  #texts = new Map<string, SourceText>();

  constructor(options: FilesOptions, deliver: (snapshot: SourceSnapshot) => void) {
    this.#options = options;
    this.#deliver = deliver;
  }

  /** Reads and delivers. Throws FolderError, or whatever a fault of ours throws. */
  readNow(): void {
    const { state, files } = settledRead(this.#options.folder);
    this.#signature = state.signature;
    this.#folders = state.folders;
    this.#watch();
    this.#deliver(this.#snapshot(files));
  }

  follow(signal: AbortSignal): void {
    this.#isFollowing = true;
    this.#watch();
    const rescan = setInterval(() => this.#look(), rescanMs);
    signal.addEventListener(
      "abort",
      () => {
        this.#isFollowing = false;
        for (const watcher of this.#watchers.values()) watcher.close();
        clearInterval(rescan);
        clearTimeout(this.#timer);
      },
      { once: true },
    );
  }

  /**
   * One watcher for each folder. Node's recursive one watches single files on Linux and loses those that an editor
   * replaces (seen with Node 24).
   */
  #watch(): void {
    if (!this.#isFollowing) return;
    const wanted = new Set(this.#folders.slice(0, watchersMax));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        this.#watchers.set(folder, watcher);
        watcher.on("error", () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
      } catch (error) {
        this.#options.log.debug("a folder is looked at every few seconds only: no events", { folder, error });
      }
    }
  }

  #changed(): void {
    const now = performance.now();
    this.#firstChangeAt ??= now;
    const wait = Math.max(0, Math.min(quietMs, this.#firstChangeAt + quietMsMax - now));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#firstChangeAt = undefined;
      this.#readSafely();
    }, wait);
  }

  #look(): void {
    const { folder, unreadable } = this.#options;
    try {
      if (statFolder(folder).signature !== this.#signature) this.#changed();
      else unreadable(undefined);
    } catch (error) {
      this.#failed(error);
    }
  }

  #readSafely(): void {
    try {
      this.readNow();
      this.#options.unreadable(undefined);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * A folder that cannot be read is no empty folder: what is in force stays in force. A fault of ours is told in the
   * same way: thrown from a timer it would only be logged, and changes would be lost without a word.
   */
  #failed(error: unknown): void {
    this.#signature = "";
    // A folder that comes back is another one.
    this.#folders = [];
    this.#watch();
    this.#options.unreadable(error instanceof Error ? error.message : "unknown fault");
  }

  #snapshot(files: readonly FoundFile[]): SourceSnapshot {
    const before = this.#texts;
    this.#texts = new Map(files.map((found) => [found.file, this.#readOne(found, before.get(found.file))]));
    return { texts: [...this.#texts.values()] };
  }

  #readOne(found: FoundFile, before: SourceText | undefined): SourceText {
    const { content } = found;
    const isSame = content.kind === "text" && content.text !== "" && content.text === before?.text;
    return isSame ? before : sourceOf(found, this.#options.read);
  }
}

/** What a file holds. One that cannot be read may hold anything. */
export function sourceOf({ file, content }: FoundFile, read: ReadText): SourceText {
  if (content.kind === "text") return read(content.text, file);
  const problem: ObjectProblem = {
    code: "PKT0010",
    file,
    line: 0,
    field: "",
    message: `the file ${content.why}`,
    fix: "make it a readable YAML file inside the folder, or take it away",
  };
  return { file, text: "", objects: [], unreadable: [{ problems: [problem], aim: { kind: "everything" } }] };
}

/** Reads a state that did not change while it was read, so that no half-written file is taken for a whole one. */
function settledRead(folder: string): { state: FolderState; files: readonly FoundFile[] } {
  let state = statFolder(folder);
  for (let reads = 1; ; reads++) {
    const files = readFolder(state);
    const after = statFolder(folder);
    if (after.signature === state.signature || reads >= readsMax) return { state, files };
    state = after;
  }
}
