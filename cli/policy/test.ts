import { readYamlFile } from "../../platform/yaml.ts";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { createStyle } from "../demo/screen.ts";
import { CommandError, printError, printProblems } from "../errors.ts";
import { listFiles } from "../offline/load.ts";
import { printJunit } from "../output/junit.ts";
import { tableFor, writeResult, type FindingFormat } from "../output/result.ts";
import { exitCodes, type Shell } from "../shell.ts";
import { Coverage } from "./coverage.ts";
import { runPolicyTest, type CaseResult } from "./run-test.ts";
import { checkTestVersion, isTestDocument, parsePolicyTest, type PolicyTest } from "./test-file.ts";

export interface TestOptions {
  readonly output: Exclude<FindingFormat, "sarif">;
  readonly coverage: boolean;
  /** Least share of rules and limits that must be covered, in percent. */
  readonly min: number | undefined;
}

/** Runs the policy tests below the paths. A run without a single case has failed. */
export async function testPolicies(shell: Shell, paths: readonly string[], options: TestOptions): Promise<number> {
  const { tests, problems } = readTests(paths.length === 0 ? ["."] : paths, shell.folder);
  printProblems(shell, problems);
  let isRunnable = problems.length === 0;
  const coverage = new Coverage();
  const results: CaseResult[] = [];
  for (const test of tests) {
    const run = runPolicyTest(test, shell.folder, coverage, () => shell.clock.monotonic());
    printProblems(shell, run.problems);
    if (run.error !== undefined) printError(shell, run.error);
    if (run.problems.length > 0 || run.error !== undefined) isRunnable = false;
    results.push(...run.results);
  }
  if (!isRunnable) return exitCodes.usage;
  if (results.length === 0) {
    const fix = "name a folder with files of kind ApiPolicyTest that have cases";
    throw new CommandError("PKT0907", "no case was run", fix, exitCodes.findings);
  }
  const failed = results.filter(({ differences }) => differences.length > 0);
  const percent = coverage.percent();
  await writeTestResult(shell, options, results, coverage);
  const isCovered = options.min === undefined || percent >= options.min;
  if (!isCovered) {
    shell.stderr.write(`coverage is ${percent.toFixed(1)} %, less than ${options.min} %\n`);
  }
  return failed.length === 0 && isCovered ? exitCodes.fine : exitCodes.findings;
}

function readTests(
  paths: readonly string[],
  folder: string,
): { readonly tests: readonly PolicyTest[]; readonly problems: readonly ObjectProblem[] } {
  const tests: PolicyTest[] = [];
  const problems: ObjectProblem[] = [];
  for (const path of listFiles(paths, folder)) {
    const inner = relative(folder, path);
    const file = readYamlFile(readFileSync(path), inner.startsWith("..") ? path : inner);
    problems.push(...file.problems);
    for (const document of file.documents.filter(isTestDocument)) {
      const version = checkTestVersion(document);
      if (version !== undefined) {
        problems.push(version);
        continue;
      }
      const parsed = parsePolicyTest(document);
      problems.push(...parsed.problems);
      if (parsed.test !== undefined) tests.push(parsed.test);
    }
  }
  return { tests, problems };
}

async function writeTestResult(
  shell: Shell,
  options: TestOptions,
  results: readonly CaseResult[],
  coverage: Coverage,
): Promise<void> {
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  const passed = results.length - failed;
  if (options.output === "junit") {
    const cases = results.map(({ test, name, ms, differences, explanation }) => {
      const [first] = differences;
      const details = [...differences, explanation].join("\n");
      const failure = first === undefined ? undefined : { message: first, details };
      return { suite: test, name, seconds: ms / 1_000, failure };
    });
    shell.stdout.write(printJunit("picket policy test", cases));
    return;
  }
  const rows = coverage.rows();
  await writeResult(shell, options.output, {
    kind: "PolicyTestReport",
    body: { passed, failed, coverage: { percent: coverage.percent(), rules: rows }, cases: results },
    text: () => {
      const { good, bad, dim, okMark, failMark } = createStyle(shell.stdout, shell.environment);
      const lines = results.map((one) => {
        const title = `${one.test} › ${one.name}`;
        if (one.differences.length === 0) return `${good(okMark)} ${title}  ${dim(`${one.ms.toFixed(1)} ms`)}\n`;
        const details = [...one.differences, one.explanation].map((text) => `    ${text}\n`).join("");
        return `${bad(failMark)} ${title}  ${dim(`${one.file}:${one.line}`)}\n${details}`;
      });
      const uncovered = rows.filter(({ isCovered }) => !isCovered);
      const shown = options.coverage ? rows : uncovered;
      const table = tableFor(
        shell,
        ["POLICY", "RULE", "KIND", "ALLOWED", "REFUSED", ""],
        shown.map((row) => [
          row.policy,
          row.rule,
          row.kind,
          String(row.allowed),
          String(row.refused),
          row.isCovered
            ? ""
            : row.allowed + row.refused === 0
              ? "never hit"
              : `never ${row.kind === "allow" ? "allowed" : "refused"}`,
        ]),
      );
      const share = `${rows.length - uncovered.length} of ${rows.length} rules and limits covered`;
      return `${lines.join("")}\n${shown.length === 0 ? "" : `${table}\n`}${passed} passed, ${failed} failed, ${share}\n`;
    },
  });
}
