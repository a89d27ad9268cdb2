import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { PolicyObjects } from "../../core/policy/effective.ts";
import type { Identity, InstallConfig, Workload } from "../../core/policy/identity.ts";
import { parseObject } from "../../core/policy/parse.ts";
import type { SourceDocument } from "../../core/policy/parse/source-document.ts";
import { printId, type ObjectId, type Policy } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readYamlFile, yamlFileCharactersMax } from "../../platform/yaml.ts";
import { CommandError } from "../errors.ts";

/** Files that one command reads; more are refused, since half of the policies would be weaker ones. */
export const filesMax = 10_000;
/** Depth of folders inside each other. */
export const foldersDepthMax = 16;

export interface LoadedObjects extends PolicyObjects {
  readonly policies: readonly Policy[];
  readonly identities: readonly Identity[];
  readonly workloads: readonly Workload[];
  readonly config: InstallConfig | undefined;
  /** Documents of other groups, such as tests. */
  readonly others: readonly SourceDocument[];
  readonly problems: readonly ObjectProblem[];
  /** Objects that are there and cannot be used. */
  readonly broken: readonly ObjectId[];
  /** Whether some file or document could not even be told what it is; then nothing is known to be missing. */
  readonly isPartial: boolean;
  readonly files: number;
}

/** Reads every YAML file that the paths name, folders included. Throws CommandError for a path that is not there. */
export function loadObjects(paths: readonly string[], folder: string): LoadedObjects {
  const policies: Policy[] = [];
  const identities: Identity[] = [];
  const workloads: Workload[] = [];
  const others: SourceDocument[] = [];
  const problems: ObjectProblem[] = [];
  const broken: ObjectId[] = [];
  let isPartial = false;
  const seen = new Map<string, string>();
  let config: InstallConfig | undefined;

  const isNew = (id: ObjectId, document: SourceDocument): boolean => {
    const key = `${id.kind} ${printId(id)}`;
    const first = seen.get(key);
    const line = document.lineOf("metadata.name");
    if (first === undefined) {
      seen.set(key, `${document.file}:${line}`);
      return true;
    }
    const message = `${key} stands in ${first} already`;
    const fix = "remove one of the two, or give it another name";
    problems.push({ code: "PKT0105", file: document.file, line, field: "metadata.name", message, fix });
    return false;
  };

  const files = listFiles(paths, folder);
  for (const path of files) {
    const file = readYamlFile(readBytes(path), nameOf(path, folder));
    problems.push(...file.problems);
    if (file.problems.length > 0) isPartial = true;
    for (const document of file.documents) {
      const parsed = parseObject(document, { when: checkWhen });
      switch (parsed.kind) {
        case "policy":
          if (isNew(parsed.policy.id, document)) policies.push(parsed.policy);
          break;
        case "identity":
          if (isNew(parsed.identity.id, document)) identities.push(parsed.identity);
          break;
        case "workload":
          if (isNew(parsed.workload.id, document)) workloads.push(parsed.workload);
          break;
        case "config":
          if (isNew({ kind: "PicketConfig", namespace: "", name: "default" }, document)) config = parsed.config;
          break;
        case "skipped":
          others.push(document);
          break;
        case "invalid":
          problems.push(...parsed.problems);
          if (parsed.id === undefined) isPartial = true;
          else broken.push(parsed.id);
      }
    }
  }
  return { policies, identities, workloads, config, others, problems, broken, isPartial, files: files.length };
}

/** YAML files below the paths, in a stable order. A file that is named itself is taken whatever its name ends in. */
export function listFiles(paths: readonly string[], folder: string): readonly string[] {
  const found = new Set<string>();
  const add = (path: string): void => {
    found.add(path);
    if (found.size > filesMax) {
      throw new CommandError("PKT0902", `there are more than ${filesMax} files`, "name a smaller folder");
    }
  };
  const walk = (path: string, depth: number): void => {
    if (depth > foldersDepthMax) {
      throw new CommandError("PKT0902", `${nameOf(path, folder)} lies too deep`, "name a smaller folder");
    }
    for (const entry of readdirSync(path).toSorted()) {
      // Packages bring YAML of their own, which nobody means.
      if (entry.startsWith(".") || entry === "node_modules") continue;
      const inner = join(path, entry);
      const kind = lstatSync(inner);
      if (kind.isDirectory()) walk(inner, depth + 1);
      else if (/\.(ya?ml|json)$/.test(entry) && statSync(inner).isFile()) add(inner);
    }
  };
  for (const path of paths) {
    const full = resolve(folder, path);
    try {
      if (statSync(full).isDirectory()) walk(full, 0);
      else add(full);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError("PKT0902", `${path} cannot be read`, "name a file or folder that is there");
    }
  }
  return [...found];
}

function readBytes(path: string): Uint8Array | string {
  try {
    // A longer file is refused by its length; this only keeps it out of memory.
    if (statSync(path).size > 4 * yamlFileCharactersMax) return " ".repeat(yamlFileCharactersMax + 1);
    return readFileSync(path);
  } catch {
    throw new CommandError("PKT0902", `${path} cannot be read`, "check the rights of the file");
  }
}

function nameOf(path: string, folder: string): string {
  const inner = relative(folder, path);
  return inner === "" || inner.startsWith("..") ? path : inner;
}
