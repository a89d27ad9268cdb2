import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, extname, join, relative } from "node:path";
import type { Tree } from "./tree.ts";

/** Where a program lies in its image. */
const home = "/opt/picket";

/** What Node may load, and what says under which terms. Types, maps, tests, pages and sources stay out. */
const kept = new Set([".js", ".cjs", ".mjs", ".json", ".node", ".wasm", ".proto"]);
const keptNames = /^(?:licen[cs]e|copying|notice)/i;
/** Folders of a package that nothing loads. Packages inside it are found by themselves. */
const leftOut = new Set(["node_modules", "test", "tests", "__tests__", "example", "examples", "docs", "coverage"]);

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly main?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface ProgramOptions {
  /** Root of the repository. */
  readonly root: string;
  /** Folder with what `tsc --build` emitted. */
  readonly compiled: string;
  /** Entry of the program there. */
  readonly entry: string;
}

/** Copies a compiled program into an image: the files that it imports, and the packages that these import. */
export function addProgram(tree: Tree, { root, compiled, entry }: ProgramOptions): void {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const target of importsOf(readFileSync(join(compiled, file), "utf8"))) {
      if (target.startsWith(".")) queue.push(join(dirname(file), target));
      else if (!target.startsWith("node:") && !builtinModules.includes(target)) packages.add(packageOf(target));
    }
  }
  for (const file of files) tree.copy(join(compiled, file), `${home}/${file}`);
  const { name, version } = readManifest(root);
  tree.text(`${home}/package.json`, `${JSON.stringify({ name, version, private: true, type: "module" })}\n`);
  tree.copy(join(root, "LICENSE"), `${home}/LICENSE`);
  for (const folder of packageFolders(root, packages)) copyPackage(tree, join(root, folder), `${home}/${folder}`);
}

/** What a module imports by a literal name. Ours import no other way. */
function importsOf(source: string): readonly string[] {
  const found = source.matchAll(
    /^(?:import|export|\})[^"'`]*\bfrom "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function packageOf(target: string): string {
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Folders below the root of these packages and of everything they depend on, found as Node finds them. */
function packageFolders(root: string, names: Iterable<string>): readonly string[] {
  const folders = new Set<string>();
  const queue = [...names].map((name) => ({ name, from: root }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    // Types have nothing to run.
    if (next.name.startsWith("@types/")) continue;
    const folder = findPackage(root, next.name, next.from);
    if (folder === undefined) throw new Error(`the package ${next.name} is not installed`);
    if (folders.has(folder)) continue;
    folders.add(folder);
    const from = join(root, folder);
    for (const name of Object.keys(readManifest(from).dependencies ?? {})) queue.push({ name, from });
  }
  return [...folders].toSorted();
}

function findPackage(root: string, name: string, from: string): string | undefined {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return relative(root, candidate);
  }
  return undefined;
}

function copyPackage(tree: Tree, source: string, path: string, without: ReadonlySet<string> = leftOut): void {
  for (const name of readdirSync(source)) {
    if (without.has(name)) continue;
    const from = join(source, name);
    const facts = lstatSync(from);
    if (facts.isDirectory()) copyPackage(tree, from, `${path}/${name}`, new Set());
    else if (facts.isFile() && (kept.has(extname(name)) || keptNames.test(name))) tree.copy(from, `${path}/${name}`);
  }
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}
