import { createStyle } from "../demo/screen.ts";
import { printJunit } from "../output/junit.ts";
import { writeResult, type FindingFormat } from "../output/result.ts";
import { exitCodes, type Shell } from "../shell.ts";

/** What one look found. */
export interface Check {
  readonly name: string;
  /** Checks of one category are shown together; left out where there is only one. */
  readonly category?: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to type or do. Every failure has one. */
  readonly fix?: string | undefined;
}

export type CheckFormat = Exclude<FindingFormat, "sarif">;

/** The last line of a report, by how it went. */
export interface Conclusion {
  readonly fine: string;
  readonly bad: string;
}

/** Writes the checks in the form that was asked for; 1 when one of them failed. */
export async function reportChecks(
  shell: Shell,
  output: CheckFormat,
  checks: readonly Check[],
  conclusion: Conclusion,
): Promise<number> {
  const isFine = checks.every(({ status }) => status !== "fail");
  if (output === "junit") {
    const cases = checks.map(({ name, category = "check", status, message, fix }) => ({
      suite: category,
      name,
      seconds: 0,
      failure: status === "fail" ? { message, details: `fix: ${fix ?? ""}` } : undefined,
    }));
    shell.stdout.write(printJunit("picket check", cases));
  } else {
    await writeResult(shell, output, {
      kind: "CheckReport",
      body: { healthy: isFine, checks },
      text: () => printChecks(shell, checks, isFine ? conclusion.fine : conclusion.bad),
    });
  }
  return isFine ? exitCodes.fine : exitCodes.findings;
}

function printChecks(shell: Shell, checks: readonly Check[], last: string): string {
  const { good, bad, okMark, failMark } = createStyle(shell.stdout, shell.environment);
  const mark = { ok: good(okMark), warn: okMark === "ok" ? "warn" : "‼", fail: bad(failMark) };
  const groups = [...Map.groupBy(checks, ({ category }) => category ?? "")];
  const texts = groups.map(([category, list]) => {
    const heading = category === "" ? "" : `${category}\n`;
    const lines = list.map(
      ({ name, status, message, fix }) =>
        `${mark[status]} ${name}: ${message}\n${fix === undefined ? "" : `    fix: ${fix}\n`}`,
    );
    return `${heading}${lines.join("")}`;
  });
  return `${texts.join("\n")}${groups.length > 1 || groups[0]?.[0] !== "" ? "\n" : ""}${last}\n`;
}
