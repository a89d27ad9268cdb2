import { dirname } from "node:path";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import { factsOf } from "../../core/verdict/reason.ts";
import type { Verdict } from "../../core/verdict/verdict.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { CommandError } from "../errors.ts";
import { loadObjects } from "../offline/load.ts";
import { createOfflineJudge } from "../offline/offline-judge.ts";
import { principalOf } from "../offline/principal.ts";
import { effectiveOf } from "../offline/workload.ts";
import type { Coverage } from "./coverage.ts";
import type { Expectation, PolicyTest, TestCase, TestStep } from "./test-file.ts";

/** What one case came to. */
export interface CaseResult {
  readonly test: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly ms: number;
  /** Empty when it passed; else one line for each thing that differs. */
  readonly differences: readonly string[];
  /** What the decision says of itself, for a case that failed. */
  readonly explanation: string;
}

export interface TestRun {
  readonly results: readonly CaseResult[];
  /** Why the test could not run at all. */
  readonly problems: readonly ObjectProblem[];
  readonly error: CommandError | undefined;
}

/** Runs every case of one test with fresh limits and its own clock. */
export function runPolicyTest(test: PolicyTest, folder: string, coverage: Coverage, measure: () => number): TestRun {
  const objects = loadObjects(test.policies, dirname(absolute(test.file, folder)));
  if (objects.problems.length > 0) return { results: [], problems: objects.problems, error: undefined };
  let effective: EffectivePolicy;
  try {
    effective = effectiveOf(objects, test.workload);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { results: [], problems: [], error };
  }
  coverage.add(effective);
  const results = test.cases.map((one) => {
    const start = measure();
    const found = runCase(one, test, effective, coverage);
    return { ...found, test: test.name, name: one.name, file: test.file, line: one.line, ms: measure() - start };
  });
  return { results, problems: [], error: undefined };
}

function absolute(file: string, folder: string): string {
  return file.startsWith("/") ? file : `${folder}/${file}`;
}

function runCase(
  one: TestCase,
  test: PolicyTest,
  effective: EffectivePolicy,
  coverage: Coverage,
): { readonly differences: readonly string[]; readonly explanation: string } {
  const judge = createOfflineJudge(effective);
  let nowMs = test.nowMs;
  for (const [index, step] of one.steps.entries()) {
    nowMs += step.afterMs;
    for (let time = 0; time < step.repeat; time++) {
      if (time > 0) nowMs += step.everyMs;
      const { verdict } = judge.decide(describe(step, effective), nowMs).judgement;
      coverage.hit(verdict);
      const differences = compare(step.expect, verdict);
      if (differences.length === 0) continue;
      const where = one.steps.length === 1 && step.repeat === 1 ? "" : `step ${index + 1}, time ${time + 1}: `;
      return { differences: differences.map((text) => where + text), explanation: explainVerdict(verdict) };
    }
  }
  return { differences: [], explanation: "" };
}

function describe(
  { request }: TestStep,
  effective: EffectivePolicy,
): Parameters<ReturnType<typeof createOfflineJudge>["decide"]>[0] {
  return {
    method: request.method,
    target: request.path,
    host: request.host,
    headers: request.headers,
    body: request.body,
    principal: principalOf(request.token, effective.identities),
    sourceAddress: request.sourceIp,
  };
}

/** One line for each expectation that does not hold. */
export function compare(expect: Expectation, verdict: Verdict): readonly string[] {
  const { evidence } = verdict;
  const found: Readonly<Record<string, string | number | undefined>> = {
    verdict: verdict.kind,
    status: factsOf(verdict.reason).status,
    reason: verdict.reason,
    rule: evidence.rule,
    policy: evidence.policy,
    detail: evidence.detail,
  };
  const differences: string[] = [];
  for (const [field, actual] of Object.entries(found)) {
    const wanted = expect[field as keyof Omit<Expectation, "retryAfter">];
    if (wanted !== undefined && wanted !== actual)
      differences.push(`${field}: expected ${wanted}, got ${actual ?? "none"}`);
  }
  const { retryAfter } = expect;
  if (retryAfter !== undefined) {
    const seconds = verdict.kind === "throttle" ? verdict.retryAfterSeconds : undefined;
    if (seconds === undefined || !isWithin(seconds, retryAfter)) {
      const wanted = `${retryAfter.comparison === "=" ? "" : retryAfter.comparison}${retryAfter.seconds}s`;
      differences.push(`retryAfter: expected ${wanted}, got ${seconds === undefined ? "none" : `${seconds}s`}`);
    }
  }
  return differences;
}

function isWithin(seconds: number, wanted: NonNullable<Expectation["retryAfter"]>): boolean {
  switch (wanted.comparison) {
    case "<=":
      return seconds <= wanted.seconds;
    case ">=":
      return seconds >= wanted.seconds;
    case "=":
      return seconds === wanted.seconds;
  }
}

/** `deny resource-owner-mismatch by rule owner-reads of bank/accounts (path accountId, claim account): …` */
export function explainVerdict({ kind, reason, evidence }: Verdict): string {
  const rule = evidence.rule === undefined ? "" : ` by rule ${evidence.rule}`;
  const policy = evidence.policy === undefined ? "" : ` of ${evidence.policy}`;
  const detail = evidence.detail === undefined ? "" : ` (${evidence.detail})`;
  return `${kind} ${reason}${rule}${policy}${detail}: ${factsOf(reason).text}`;
}
