import { printProblem, problemCodes } from "../../core/policy/problem.ts";
import { printProblems } from "../errors.ts";
import { loadObjects, type LoadedObjects } from "../offline/load.ts";
import { printJunit } from "../output/junit.ts";
import { tableFor, writeResult, type FindingFormat } from "../output/result.ts";
import { printSarif } from "../output/sarif.ts";
import { exitCodes, type Shell } from "../shell.ts";
import { versionOf } from "../../platform/version.ts";
import { findingRules, severities, type Finding } from "./finding.ts";
import { findFindings } from "./findings.ts";

export const failLevels = [...severities, "never"] as const;

export interface AnalyzeOptions {
  readonly output: FindingFormat;
  readonly failOn: (typeof failLevels)[number];
}

/** Looks at valid policies for what is probably not meant. The exit code never depends on the format. */
export async function analyzePolicies(
  shell: Shell,
  paths: readonly string[],
  options: AnalyzeOptions,
): Promise<number> {
  const objects = loadObjects(paths.length === 0 ? ["."] : paths, shell.folder);
  const findings = findFindings(objects);
  const { problems } = objects;
  switch (options.output) {
    case "sarif": {
      const rules = [...Object.entries(problemCodes).map(([code, facts]) => ({ code, ...facts })), ...findingRules];
      const level = { info: "note", warning: "warning", error: "error" } as const;
      const results = [
        ...problems.map((one) => ({ ...one, level: "error" as const, message: `${one.field}: ${one.message}` })),
        ...findings.map((one) => ({ ...one, level: level[one.severity], message: `${one.subject}: ${one.message}` })),
      ];
      shell.stdout.write(printSarif(versionOf(), rules, results));
      break;
    }
    case "junit": {
      const cases = [
        ...problems.map((one) => ({
          suite: one.file,
          name: `${one.code} ${one.field}`,
          seconds: 0,
          failure: { message: one.message, details: `${printProblem(one)}\ntry: ${one.fix}` },
        })),
        ...findings.map((one) => ({
          suite: one.file,
          name: `${one.code} ${one.subject}`,
          seconds: 0,
          failure: isAtLeast(one, options.failOn) ? { message: one.message, details: `try: ${one.fix}` } : undefined,
        })),
      ];
      shell.stdout.write(printJunit("picket policy analyze", cases));
      break;
    }
    default:
      printProblems(shell, problems);
      await writeResult(shell, options.output, {
        kind: "PolicyAnalysis",
        body: { policies: objects.policies.length, files: objects.files, problems, findings },
        text: () => printFindings(shell, findings, objects),
      });
  }
  if (problems.length > 0) return exitCodes.usage;
  if (objects.policies.length === 0) {
    shell.stderr.write("error: there is no policy in these files [PKT0904]\ntry:   name a folder with policies\n");
    return exitCodes.findings;
  }
  return findings.some((one) => isAtLeast(one, options.failOn)) ? exitCodes.findings : exitCodes.fine;
}

function isAtLeast({ severity }: Finding, level: AnalyzeOptions["failOn"]): boolean {
  return level !== "never" && severities.indexOf(severity) >= severities.indexOf(level);
}

function printFindings(
  shell: Shell,
  findings: readonly Finding[],
  { policies, problems, broken }: LoadedObjects,
): string {
  if (findings.length === 0) {
    // What cannot be read has not been looked at.
    if (problems.length > 0) {
      const count = `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
      const objects = broken.length === 0 ? "" : ` in ${broken.length} ${broken.length === 1 ? "object" : "objects"}`;
      return `${count}${objects}; what is broken was not analysed\n`;
    }
    return policies.length === 0 ? "" : `nothing found in ${policies.length} policies\n`;
  }
  const lines = findings.map(
    ({ file, line, code, severity, subject, message, fix }) =>
      `${file}:${line} ${severity} ${subject}: ${message} [${code}]\n  try: ${fix}\n`,
  );
  const counts = severities
    .toReversed()
    .map((level) => [level, String(findings.filter(({ severity }) => severity === level).length)]);
  return `${lines.join("")}\n${tableFor(shell, ["SEVERITY", "FINDINGS"], counts)}`;
}
