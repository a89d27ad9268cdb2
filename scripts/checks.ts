import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** A check that passes or fails as one: a command, or a function that gives its findings. */
export type Check =
  | { readonly name: string; readonly command: readonly string[] }
  | { readonly name: string; readonly findings: () => readonly string[] };

export const lintChecks: readonly Check[] = [
  { name: "format: prettier", command: ["prettier", "--check", "--log-level", "warn", "."] },
  { name: "lint: oxlint, type-aware", command: ["oxlint", "--type-aware"] },
  { name: "dead code: knip", command: ["knip", "--no-progress"] },
  { name: "folder rule: core imports nothing", findings: coreImports },
  { name: "folder rule: core reads no clock", findings: clocksInCore },
  { name: "folder rule: programs do not import each other", findings: crossImports },
];

export const typeCheck: Check = { name: "types: tsc --build", command: ["tsc", "--build"] };

export interface CheckResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a check from the root of the repository. A check that looked at nothing has failed. */
export function runCheck(check: Check): CheckResult {
  if ("findings" in check) {
    const findings = check.findings();
    return { ok: findings.length === 0, output: findings.join("\n") };
  }
  const [program = "", ...rest] = check.command;
  const done = spawnSync(program, rest, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  return { ok: done.status === 0, output: `${done.stdout ?? ""}${done.stderr ?? ""}${done.error?.message ?? ""}` };
}

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(folder: string): readonly Import[] {
  const files = globSync(`${folder}/**/*.ts`, { cwd: root });
  if (files.length === 0) throw new Error(`no files in ${folder}`);
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const found = source.matchAll(
      /^(?:import|export|\})[^"'`]*\bfrom "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm,
    );
    return [...found].map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? "" }));
  });
}

function folderOf({ file, target }: Import): string {
  if (!target.startsWith(".")) return target;
  return join(file, "..", target).split("/")[0]!;
}

function coreImports(): readonly string[] {
  return importsOf("core")
    .filter((one) => folderOf(one) !== "core")
    .map(({ file, target }) => `${file} imports ${target}`);
}

/** `new Date()` without arguments and `Date()` read the clock; `new Date(ms)` does not. */
function clocksInCore(): readonly string[] {
  return globSync("core/**/*.ts", { cwd: root }).filter((file) =>
    /\bDate\(\s*\)|\bperformance\b/.test(readFileSync(join(root, file), "utf8")),
  );
}

const programs = ["operator", "sidecar", "cli"];

function crossImports(): readonly string[] {
  const allowed = ["core", "platform", "protos"];
  return programs.flatMap((program) =>
    importsOf(program)
      .filter(({ target }) => target.startsWith("."))
      .filter((one) => ![program, ...allowed].includes(folderOf(one)))
      .map(({ file, target }) => `${file} imports ${target}`),
  );
}
