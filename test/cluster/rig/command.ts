import { spawn } from "node:child_process";

export interface CommandResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder?: string;
  readonly timeoutMs?: number;
}

const commandTimeoutMs = 60_000;
const outputBytesMax = 64 << 20;

/** A command that ended with another code than 0. Its message is what it wrote to standard error. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly result: CommandResult;

  constructor(command: readonly string[], result: CommandResult) {
    super(`${command.join(" ")} ended with ${result.code ?? "a signal"}:\n${result.stderr || result.stdout}`);
    this.result = result;
  }
}

/** Runs a command to its end, whatever its exit code. Throws only when it cannot start, or does not end in time. */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { stdin, environment = {}, folder, timeoutMs = commandTimeoutMs } = options;
  const [program = "", ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...environment },
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], bytes: 0 };
    const give = (why: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`${command.join(" ")} ${why}`));
    };
    const timer = setTimeout(() => give(`did not end within ${timeoutMs / 1_000} s`), timeoutMs);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk: Buffer) => {
        output.bytes += chunk.length;
        if (output.bytes > outputBytesMax) give(`wrote more than ${outputBytesMax} bytes`);
        else output[name].push(chunk);
      });
    }
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");
      resolve({ code, stdout: text(output.stdout), stderr: text(output.stderr) });
    });
    child.stdin.on("error", () => {}); // it ended without reading everything
    child.stdin.end(stdin);
  });
}

/** Runs a command that has to succeed, and gives what it wrote to standard output. */
export async function succeed(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await runCommand(command, options);
  if (result.code !== 0) throw new CommandError(command, result);
  return result.stdout;
}
