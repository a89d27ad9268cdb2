import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** A root file system in the making. Paths are those of the image; folders come by themselves. */
export class Tree {
  readonly folder: string;

  /** Starts with an empty folder. Modes are set and not asked for: the umask of who builds must not matter. */
  constructor(folder: string) {
    this.folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
  }

  /** A copy that anybody may read, and run when it is a program. */
  copy(source: string, path: string, kind: "data" | "program" = "data"): void {
    const target = this.#place(path);
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    chmodSync(target, kind === "program" ? 0o755 : 0o644);
  }

  text(path: string, text: string): void {
    const target = this.#place(path);
    writeFileSync(target, text);
    chmodSync(target, 0o644);
  }

  link(path: string, to: string): void {
    symlinkSync(to, this.#place(path));
  }

  /** Sets every time to 0, so that the same content makes the same layer whoever packs it. */
  settle(folder = this.folder): void {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (lstatSync(path).isDirectory()) this.settle(path);
      else lutimesSync(path, 0, 0);
    }
    lutimesSync(folder, 0, 0);
  }

  #place(path: string): string {
    const target = join(this.folder, path);
    let missing = dirname(target);
    const folders: string[] = [];
    for (; lstatSync(missing, { throwIfNoEntry: false }) === undefined; missing = dirname(missing))
      folders.push(missing);
    for (const folder of folders.reverse()) {
      mkdirSync(folder);
      chmodSync(folder, 0o755);
    }
    return target;
  }
}
