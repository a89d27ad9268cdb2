/**
 * Proves everything: lint, types, then the tests by kind. Ends with `N passed, N failed`. A test that is skipped is
 * named; with CI=true it counts as failed, since a proof that did not look proves nothing.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lintChecks, runCheck, typeCheck } from "./checks.ts";
import { prepareClusters, runInCluster, type ClusterStage } from "./cluster-stages.ts";

const root = join(import.meta.dirname, "..");
const results = join(root, "build/test-results");

/** Kinds of tests, cheapest first. Every test file belongs to exactly one; the order is the first that matches. */
const stages: readonly { readonly name: Stage; readonly pattern: RegExp }[] = [
  { name: "cluster", pattern: /^test\/cluster\/pods\// },
  { name: "control plane", pattern: /^test\/cluster\// },
  {
    name: "end to end",
    pattern: /^test\/(e2e|examples|images)\/|^test\/cli\/(demo|run)\.test\.ts$|^test\/docs\/commands/,
  },
  { name: "golden", pattern: /\/golden\.test\.ts$|\/parse-refusals\.test\.ts$/ },
  { name: "contract", pattern: /^test\/(contract|conformance)\/|\/ads-client\.test\.ts$/ },
  { name: "unit and property", pattern: /^test\// },
];
const order = ["unit and property", "golden", "contract", "end to end", "control plane", "cluster"] as const;

type Stage = (typeof order)[number];

interface MochaTest {
  readonly fullTitle: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

interface MochaReport {
  readonly passes: readonly MochaTest[];
  readonly failures: readonly MochaTest[];
  readonly pending: readonly MochaTest[];
}

const count = { passed: 0, failed: 0, skipped: 0 };

await main();

async function main(): Promise<void> {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const only = process.argv[2];
  const chosen = order.filter((name) => only === undefined || name.startsWith(only));
  const prepared = chosen.some(isClusterStage) ? prepareClusters(results) : undefined;
  if (only === undefined) for (const check of [...lintChecks, typeCheck]) runOne(check);
  const files = filesByStage();
  for (const name of chosen) {
    const missing = isClusterStage(name) ? (await prepared?.())?.[name] : undefined;
    if (missing === undefined) runStage(name, files.get(name) ?? []);
    else for (const file of files.get(name) ?? []) skip(`${name}: ${file}: ${missing}`);
  }
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
  process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
  process.exitCode = count.failed === 0 ? 0 : 1;
}

function runOne(check: (typeof lintChecks)[number]): void {
  const { ok, output } = runCheck(check);
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${check.name}\n${ok ? "" : `${output}\n`}`);
  if (ok) count.passed++;
  else count.failed++;
}

function isClusterStage(name: Stage): name is ClusterStage {
  return name === "control plane" || name === "cluster";
}

function filesByStage(): Map<Stage, string[]> {
  const files = globSync("test/**/*.test.ts", { cwd: root }).toSorted();
  const byStage = new Map<Stage, string[]>();
  for (const file of files) {
    const { name } = stages.find(({ pattern }) => pattern.test(file))!;
    byStage.set(name, [...(byStage.get(name) ?? []), file]);
  }
  return byStage;
}

function runStage(name: Stage, files: readonly string[]): void {
  const startedMs = performance.now();
  if (files.length === 0) return fail(`${name}: no test files`, "a stage without tests proves nothing");
  const report = join(results, `${name.replaceAll(" ", "-")}.json`);
  const logs = join(results, `${name.replaceAll(" ", "-")}-logs`);
  const { status } = isClusterStage(name) ? runInCluster(name, { files, report, logs }) : runMocha(files, report);
  let read: MochaReport;
  try {
    read = JSON.parse(readFileSync(report, "utf8")) as MochaReport;
  } catch {
    return fail(`${name}: mocha ended with ${status} and no report`, "run mocha on its files");
  }
  count.passed += read.passes.length;
  for (const test of read.failures) fail(`${name}: ${test.fullTitle}`, test.err?.stack ?? test.err?.message ?? "");
  for (const test of read.pending) skip(`${name}: ${test.fullTitle}`);
  if (read.failures.length === 0 && status !== "0") fail(`${name}: mocha ended with ${status}`, "");
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const word = read.failures.length === 0 && status === "0" ? "ok  " : "ran ";
  process.stdout.write(`${word} ${name}: ${read.passes.length} tests in ${files.length} files, ${seconds} s\n`);
}

function runMocha(files: readonly string[], report: string): { readonly status: string } {
  const done = spawnSync("mocha", ["--reporter", "json", "--reporter-option", `output=${report}`, ...files], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  return { status: String(done.status ?? done.signal) };
}

function skip(title: string): void {
  if (process.env.CI === "true") return fail(`skipped: ${title}`, "nothing is skipped in CI");
  count.skipped++;
  process.stdout.write(`skip ${title}\n`);
}

function fail(title: string, why: string): void {
  count.failed++;
  process.stdout.write(`FAIL ${title}\n${why}\n`);
}
