import type { Shell } from "../shell.ts";
import { printTable, widthOf } from "./table.ts";

/** Version of everything that commands print for programs. */
export const cliApiVersion = "cli.picket.dev/v1";

export const resultFormats = ["table", "wide", "json", "yaml", "name"] as const;
export type ResultFormat = (typeof resultFormats)[number];

/** Formats of commands that find faults: also what code scanners and build servers read. */
export const findingFormats = ["table", "json", "yaml", "sarif", "junit"] as const;
export type FindingFormat = (typeof findingFormats)[number];

export interface Result {
  /** Kind of the document in JSON and YAML. */
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The result for people. */
  readonly text: () => string;
  /** More of it; the same as `text` where there is no more. */
  readonly wide?: () => string;
  /** One name a line. */
  readonly names?: () => readonly string[];
}

/** Writes the result to stdout in the form that was asked for. */
export async function writeResult(shell: Shell, format: ResultFormat | FindingFormat, result: Result): Promise<void> {
  shell.stdout.write(await printResult(format, result));
}

async function printResult(format: ResultFormat | FindingFormat, result: Result): Promise<string> {
  const document = { apiVersion: cliApiVersion, kind: result.kind, ...result.body };
  switch (format) {
    case "json":
      return `${JSON.stringify(document, undefined, 2)}\n`;
    case "yaml": {
      const { stringify } = await import("yaml");
      return stringify(JSON.parse(JSON.stringify(document)));
    }
    case "name":
      return (result.names?.() ?? []).map((name) => `${name}\n`).join("");
    case "wide":
      return (result.wide ?? result.text)();
    default:
      return result.text();
  }
}

/** A table as wide as the terminal. */
export function tableFor(shell: Shell, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return printTable(columns, rows, widthOf(shell.stdout));
}
