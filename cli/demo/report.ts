import type { AttackResult } from "./attack.ts";
import type { LatencyReport } from "./latency.ts";
import type { Grievance } from "./normal-life.ts";
import type { Explanation } from "./picket-process.ts";
import type { Refusal } from "./refusal.ts";
import { createStyle, group, type Environment, type Output } from "./screen.ts";

/** What `picket demo -o json` prints. */
export interface DemoReport {
  readonly apiVersion: "cli.picket.dev/v1";
  readonly kind: "DemoReport";
  readonly passed: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly honest: {
    readonly simulatedMinutes: number;
    readonly sent: number;
    readonly refused: number;
    /** The first few that were refused. */
    readonly examples: readonly Grievance[];
  };
  readonly attacks: readonly AttackResult[];
  /** Requests in the application's log that nobody of the demo sent. */
  readonly unexplained: number;
  readonly latency: LatencyReport | undefined;
  readonly refusal: (Refusal & { readonly explanation: Explanation }) | undefined;
}

export interface Counts {
  readonly honest: { readonly sent: number; readonly refused: number };
  readonly attacks: readonly Pick<AttackResult, "tried" | "reached">[];
  readonly unexplained: number;
}

/**
 * Whether the demo shows what it should: nothing hostile arrived, nothing honest was refused. One that sent nothing
 * has shown nothing and does not pass.
 */
export function hasPassed({ honest, attacks, unexplained }: Counts): boolean {
  return (
    honest.sent > 0 &&
    honest.refused === 0 &&
    attacks.length > 0 &&
    attacks.every(({ tried, reached }) => tried > 0 && reached === 0) &&
    unexplained === 0
  );
}

/** 0 fine, 1 findings: the same for every output format. */
export function exitCodeOf(report: Pick<DemoReport, "passed">): 0 | 1 {
  return report.passed ? 0 : 1;
}

const titleWidth = 30;
/** Leaks of one attack that people are shown; `-o json` has a few more. */
const leaksShown = 2;
/** Lines of an explanation that are shown; the command shows the rest. */
const explanationLinesMax = 40;

/** The report for people, at most 80 columns wide. */
export function printReport(report: DemoReport, output: Output, environment: Environment): string {
  const style = createStyle(output, environment);
  const mark = (good: boolean): string => (good ? style.good(style.okMark) : style.bad(style.failMark));
  const lines: string[] = [];
  const markWidth = style.okMark === "ok" ? 5 : 2;
  const head = `${"".padEnd(markWidth)}${"ATTACK".padEnd(titleWidth)}${columns("TRIED", "REFUSED", "HARMLESS", "REACHED")}`;
  lines.push("", style.bold(head));
  for (const attack of report.attacks) {
    const good = attack.tried > 0 && attack.reached === 0;
    const sign = (good ? style.good : style.bad)((good ? style.okMark : style.failMark).padEnd(markWidth));
    const { tried, refused, harmless, reached } = attack;
    lines.push(`${sign}${attack.title.padEnd(titleWidth)}${columns(tried, refused, harmless, reached)}`);
  }
  const indent = "".padEnd(markWidth);
  lines.push(style.dim(`${indent}counted at the application by its own log; refused: never arrived there`));
  for (const { title, note } of report.attacks) {
    if (note !== undefined) for (const line of wrap(`${title}: ${note}`, 74)) lines.push(style.dim(`${indent}${line}`));
  }
  if (report.attacks.some(({ refused }) => refused > 0)) {
    lines.push("", style.bold(`${indent}WHY REFUSED`));
    for (const { title, reasons } of report.attacks) {
      const [first = "", ...more] = wrap(printReasons(reasons), 78 - titleWidth - markWidth);
      lines.push(`${indent}${title.padEnd(titleWidth)}${first}`);
      for (const line of more) lines.push(`${"".padEnd(titleWidth + markWidth)}${line.trimStart()}`);
    }
  }
  for (const { title, leaks } of report.attacks) {
    for (const { what, served } of leaks.slice(0, leaksShown))
      lines.push(style.bad(cut(`${indent}reached, ${title}: ${what} -> ${served}`)));
  }
  const { honest, latency, refusal } = report;
  lines.push(
    "",
    `${style.bold("HONEST REQUESTS")}  ${mark(honest.refused === 0)} ${group(honest.sent)} sent, ${group(honest.refused)} refused`,
  );
  for (const { request, status, answer } of honest.examples) {
    lines.push(style.bad(cut(`  refused: ${request} -> ${status} ${answer.replaceAll(/\s+/g, " ")}`)));
  }
  if (report.unexplained > 0) {
    lines.push(style.bad(`  ${group(report.unexplained)} requests arrived at the application that nobody sent`));
  }
  if (latency !== undefined) {
    const { direct, added, ratio } = latency;
    const part = (name: string, plain: number, more: number, times: number): string =>
      `${name} ${signed(more)} ms (${times.toFixed(1)} times ${plain.toFixed(2)} ms without Picket)`;
    lines.push(
      `${style.bold("ADDED LATENCY")}    ${part("p50", direct.p50Ms, added.p50Ms, ratio.p50)}`,
      `                 ${part("p99", direct.p99Ms, added.p99Ms, ratio.p99)}`,
      style.dim(`                 ${group(latency.pairs)} pairs, with and without in turns, one at a time`),
    );
  }
  if (refusal !== undefined) {
    lines.push("", `${style.bold("ONE REFUSAL")}      ${cut(`${refusal.request} -> ${refusal.status}`, 63)}`);
    lines.push(`  $ ${refusal.explanation.command}`);
    lines.push(style.dim("  asked while the demo ran; its decisions are gone with it"));
    const text = refusal.explanation.text.split("\n").slice(0, explanationLinesMax);
    for (const line of text.flatMap(fold)) lines.push(`  ${refusal.explanation.ok ? line : style.bad(line)}`);
  }
  const verdict = report.passed
    ? "nothing hostile reached the application, nothing honest was refused"
    : "not fine: see what reached the application or was wrongly refused above";
  lines.push("", `${mark(report.passed)} ${style.bold(verdict)}`);
  lines.push(style.dim("files: examples/bank  next: bin/picket policy test examples/bank/tests"), "");
  return lines.join("\n");
}

export function examplesOf(grievances: readonly Grievance[]): readonly Grievance[] {
  return grievances.slice(0, 5);
}

/** Most frequent first. */
function printReasons(reasons: AttackResult["reasons"]): string {
  const sorted = Object.entries(reasons).toSorted(([a, often], [b, seldom]) => seldom - often || (a < b ? -1 : 1));
  return sorted.map(([reason, count]) => `${reason} ${group(count)}`.replaceAll(" ", "\u00a0")).join(", ");
}

function columns(...values: readonly (string | number)[]): string {
  return values.map((value) => (typeof value === "number" ? group(value) : value).padStart(10)).join("");
}

function signed(value: number): string {
  return value < 0 ? value.toFixed(2) : `+${value.toFixed(2)}`;
}

/** Cut to the width, before colour is added. */
function cut(line: string, width = 80): string {
  return line.length <= width ? line : `${line.slice(0, width - 3)}...`;
}

/** A line that is too long goes on in the next, where words of the first line's text begin. */
function fold(line: string): readonly string[] {
  if (line.length <= 78) return [line];
  const from = line.lastIndexOf(" ", 78);
  const at = from > 20 ? from : 78;
  return [line.slice(0, at), ...fold(`${"".padEnd(16)}${line.slice(at).trimStart()}`)];
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  // Blanks that may not break have done their work.
  return lines.map((one) => one.replaceAll("\u00a0", " "));
}
