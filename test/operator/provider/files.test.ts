import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFilesProvider, watchersMax } from "../../../operator/provider/files.ts";
import { fileBytesMax, FolderError } from "../../../operator/provider/folder.ts";
import type { SourceSnapshot, SourceText } from "../../../operator/provider/provider.ts";
import { silentLog } from "../../contract/ads-range.ts";

describe("files provider", () => {
  let folder: string;
  let outside: string;
  let stopping: AbortController;
  let snapshots: SourceSnapshot[];
  let faults: (string | undefined)[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "files-"));
    outside = mkdtempSync(join(tmpdir(), "outside-"));
    stopping = new AbortController();
    snapshots = [];
    faults = [];
  });
  afterEach(() => {
    stopping.abort();
    rmSync(folder, { recursive: true, force: true });
    rmSync(outside, { recursive: true, force: true });
  });

  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  /** Takes each text for one object, so that a test sees what was read. */
  const read = (text: string, file: string): SourceText => ({ file, text, objects: [], unreadable: [] });
  const start = async (): Promise<void> => {
    const provider = createFilesProvider({ folder, read, log: silentLog, unreadable: (why) => faults.push(why) });
    await provider.start(stopping.signal, (snapshot) => snapshots.push(snapshot));
  };
  const latest = (): Record<string, string> =>
    Object.fromEntries((snapshots.at(-1)?.texts ?? []).map(({ file, text }) => [file, text]));
  const becomes = async (expected: Record<string, string>): Promise<void> => {
    await until(() => JSON.stringify(latest()) === JSON.stringify(expected));
  };

  it("delivers everything at once before it says that it started", async () => {
    mkdirSync(join(folder, "sub"));
    write("a.yaml", "1");
    write("sub/b.yml", "2");
    write("notes.txt", "no policy");
    write(".a.yaml.swp", "no policy");
    write(".hidden.yaml", "no policy");
    write("a.yaml~", "no policy");
    await start();
    assert.deepEqual(latest(), { "a.yaml": "1", "sub/b.yml": "2" });
  });

  it("delivers what is changed, added, moved and taken away, each time whole", async () => {
    write("a.yaml", "1");
    await start();
    write("b.yaml", "2");
    await becomes({ "a.yaml": "1", "b.yaml": "2" });
    writeFileSync(join(outside, "draft"), "3");
    renameSync(join(outside, "draft"), join(folder, "a.yaml"));
    await becomes({ "a.yaml": "3", "b.yaml": "2" });
    unlinkSync(join(folder, "b.yaml"));
    await becomes({ "a.yaml": "3" });
    mkdirSync(join(folder, "new"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    write("new/c.yaml", "4");
    await becomes({ "a.yaml": "3", "new/c.yaml": "4" });
  });

  it("does not deliver the steps of an editor that empties a file before it writes it", async () => {
    write("a.yaml", "before");
    await start();
    write("a.yaml", "");
    write("a.yaml", "after");
    await becomes({ "a.yaml": "after" });
    assert.equal(
      snapshots.some(({ texts }) => texts.some(({ text }) => text === "")),
      false,
    );
  });

  it("follows a folder that is swapped by a link, as Kubernetes mounts it", async () => {
    mkdirSync(join(folder, "..one"));
    mkdirSync(join(folder, "..two"));
    write("..one/a.yaml", "1");
    write("..two/a.yaml", "2");
    symlinkSync("..one", join(folder, "..data"));
    symlinkSync("..data/a.yaml", join(folder, "a.yaml"));
    await start();
    assert.deepEqual(latest(), { "a.yaml": "1" });
    symlinkSync("..two", join(folder, "..next"));
    renameSync(join(folder, "..next"), join(folder, "..data"));
    await becomes({ "a.yaml": "2" });
  });

  it("watches so many folders and no more, and still sees what changes in the others", async () => {
    for (let i = 1; i <= watchersMax; i++) mkdirSync(join(folder, String(i).padStart(5, "0")));
    const before = watchers();
    await start();
    assert.equal(watchers() - before, watchersMax);
    // The folder itself is the first.
    write(`${String(watchersMax).padStart(5, "0")}/a.yaml`, "1");
    await until(() => Object.values(latest()).includes("1"));
    assert.equal(watchers() - before, watchersMax);
    stopping.abort();
    await until(() => watchers() === before);
  });

  it("says that a file cannot be read instead of leaving it out", async () => {
    writeFileSync(join(outside, "secret.yaml"), "secret");
    symlinkSync(join(outside, "secret.yaml"), join(folder, "link.yaml"));
    write("large.yaml", "x".repeat(fileBytesMax + 1));
    writeFileSync(join(folder, "latin.yaml"), Buffer.from([0x61, 0xff]));
    await start();
    assert.deepEqual(
      snapshots[0]!.texts.map(({ file, text, unreadable }) => [file, text, unreadable[0]?.problems[0]?.code]),
      [
        ["large.yaml", "", "PKT0010"],
        ["latin.yaml", "", "PKT0010"],
        ["link.yaml", "", "PKT0010"],
      ],
    );
    assert.ok(snapshots[0]!.texts.every(({ unreadable }) => unreadable[0]?.aim.kind === "everything"));
  });

  it("says so of links that lead nowhere or in a circle, which are no deleted files, and goes on with the others", async () => {
    write("a.yaml", "1");
    writeFileSync(join(outside, "b"), "2");
    symlinkSync(join(folder, "gone"), join(folder, "link.yaml"));
    symlinkSync("circle.yaml", join(folder, "circle.yaml"));
    symlinkSync("notes", join(folder, "notes"));
    await start();
    const why = (): unknown =>
      (snapshots.at(-1)?.texts ?? []).map(({ file, unreadable }) => [file, unreadable[0]?.problems[0]?.message]);
    assert.deepEqual(why(), [
      ["a.yaml", undefined],
      ["circle.yaml", "the file cannot be looked at (ELOOP)"],
      ["link.yaml", "the file is a link to nowhere"],
    ]);
    write("a.yaml", "2");
    await until(() => latest()["a.yaml"] === "2");
    unlinkSync(join(folder, "circle.yaml"));
    write("gone", "3");
    await becomes({ "a.yaml": "2", "link.yaml": "3" });
  });

  it("says what is wrong when reading fails for a reason that nobody thought of", async () => {
    write("a.yaml", "1");
    const broken = (text: string, file: string): SourceText => {
      if (text === "bug") throw new Error("a fault of ours");
      return read(text, file);
    };
    const provider = createFilesProvider({
      folder,
      read: broken,
      log: silentLog,
      unreadable: (message) => faults.push(message),
    });
    await provider.start(stopping.signal, (snapshot) => snapshots.push(snapshot));
    write("a.yaml", "bug");
    await until(() => faults.includes("a fault of ours"));
    assert.deepEqual(latest(), { "a.yaml": "1" });
    write("a.yaml", "2");
    await becomes({ "a.yaml": "2" });
    assert.equal(faults.at(-1), undefined);
  });

  it("delivers nothing when the folder is gone, and everything when it is back", async () => {
    write("a.yaml", "1");
    await start();
    renameSync(folder, `${folder}-away`);
    await until(() => faults.some((why) => why !== undefined));
    assert.deepEqual(latest(), { "a.yaml": "1" });
    writeFileSync(join(`${folder}-away`, "a.yaml"), "2");
    renameSync(`${folder}-away`, folder);
    await becomes({ "a.yaml": "2" });
    assert.equal(faults.at(-1), undefined);
  });

  it("does not start without its folder", async () => {
    rmSync(folder, { recursive: true });
    await assert.rejects(async () => start(), FolderError);
  });
});

/** Watchers of this process, as the kernel counts them. */
function watchers(): number {
  const counts = readdirSync("/proc/self/fdinfo").map((file) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${file}`, "utf8").match(/^inotify /gm)?.length ?? 0;
    } catch {
      // The listing itself was open while it was made.
      return 0;
    }
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

async function until(done: () => boolean): Promise<void> {
  const end = Date.now() + 6_000;
  while (!done()) {
    if (Date.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
