import { printProblem, type ObjectProblem } from "../core/policy/problem.ts";
import { exitCodes, type Shell } from "./shell.ts";

/** What can go wrong in a command. Closed, like the codes of objects; docs/reference/errors.md lists both. */
export const commandCodes = {
  PKT0901: { name: "wrong-usage", text: "The command line names something that the command does not have." },
  PKT0902: { name: "unreadable-file", text: "A file or folder cannot be read." },
  PKT0903: { name: "bad-objects", text: "The files hold objects with problems, so nothing is decided with them." },
  PKT0904: { name: "not-found", text: "What the command line names is not there." },
  PKT0905: { name: "unreachable", text: "No running Picket answers at the status address." },
  PKT0906: { name: "timed-out", text: "No answer came in time." },
  PKT0907: { name: "nothing-tested", text: "There is no case to run; a test that looks at nothing has failed." },
  PKT0908: { name: "child-failed", text: "A program that the command started has failed." },
  PKT0909: { name: "unexpected", text: "A fault inside the command line." },
  PKT0910: {
    name: "cluster-unreachable",
    text: "The cluster of the kubeconfig cannot be reached, or does not take its credentials.",
  },
  PKT0911: {
    name: "cluster-forbidden",
    text: "The user of the kubeconfig may not read something that the command needs.",
  },
} as const satisfies Readonly<Record<string, { readonly name: string; readonly text: string }>>;

export type CommandCode = keyof typeof commandCodes;

/** Thrown to end a command: one sentence, one thing to try, and an exit code. */
export class CommandError extends Error {
  readonly code: CommandCode;
  readonly fix: string;
  readonly exit: number;

  constructor(code: CommandCode, message: string, fix: string, exit: number = exitCodes.usage) {
    super(message);
    this.name = "CommandError";
    this.code = code;
    this.fix = fix;
    this.exit = exit;
  }
}

export function printError(
  shell: Shell,
  error: { readonly code: string; readonly message: string; readonly fix: string },
): void {
  shell.stderr.write(`error: ${error.message} [${error.code}]\ntry:   ${error.fix}\n`);
}

/** Tells every problem of the files; the caller decides what it means for the exit code. */
export function printProblems(shell: Shell, problems: readonly ObjectProblem[]): void {
  for (const problem of problems) shell.stderr.write(`error: ${printProblem(problem)}\ntry:   ${problem.fix}\n`);
}
