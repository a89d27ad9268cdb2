import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { poll } from "../../test/cluster/rig/poll.ts";
import { useOf, type ProcessUse } from "./machine.ts";
import { ownNamespace } from "./objects.ts";

const root = join(import.meta.dirname, "../..");

const startMs = 120_000;

/** As in an image, and the heap that Node takes in a container with the chart's limit of 512 MiB. */
const podArguments = ["--max-semi-space-size=8", "--max-old-space-size=256"];

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** File to which its output is added. */
  readonly log: string;
  readonly port: number;
  readonly statusPort: number;
  /** Run what `tsc --build` made, as images do, instead of the sources. */
  readonly isBuilt: boolean;
  /** Such as `--cpu-prof`. */
  readonly nodeArguments: readonly string[];
}

/** The settings under which the operator runs here. */
export function environmentOf({ kubeconfig, port, statusPort }: OperatorOptions): Record<string, string> {
  return {
    PICKET_SOURCE: "kubernetes",
    PICKET_NAMESPACE: ownNamespace,
    PICKET_POD: "bench-operator",
    PICKET_KUBECONFIG: kubeconfig,
    PICKET_OPERATOR_LISTEN: `127.0.0.1:${port}`,
    PICKET_OPERATOR_STATUS: `127.0.0.1:${statusPort}`,
    PICKET_SCORER: `picket-scorer.${ownNamespace}.svc:15031`,
    PICKET_INJECTION: "off",
    PICKET_PROXY_IMAGE: "registry.example/picket/proxy:1",
  };
}

/** The real program as a process of its own. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #child: ChildProcess;

  constructor(options: OperatorOptions) {
    this.#options = options;
    const { log, isBuilt, nodeArguments } = options;
    const program = join(root, isBuilt ? "build/operator/main.js" : "operator/main.ts");
    const output = openSync(log, "a");
    const command = [process.execPath, ...podArguments, ...nodeArguments, program];
    // It ends with the bench, even when that is killed.
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
      cwd: root,
      stdio: ["ignore", output, output],
      env: { PATH: process.env.PATH, ...environmentOf(options) },
    });
    closeSync(output);
  }

  /** Resolves when it serves. */
  async ready(): Promise<void> {
    const isOver = (): boolean => this.#child.exitCode !== null;
    await poll(async () => isOver() || (await this.#get("/readyz")).status === 200, {
      timeoutMs: startMs,
      what: "an operator that serves",
    });
    if (isOver()) throw new Error(`the operator has ended\n${this.tail()}`);
  }

  use(): ProcessUse {
    return useOf(this.#child.pid!);
  }

  async metrics(): Promise<Metrics> {
    return new Metrics((await this.#get("/metrics")).text);
  }

  tail(): string {
    return readFileSync(this.#options.log, "utf8").split("\n").slice(-20).join("\n");
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    const killing = setTimeout(() => this.#child.kill("SIGKILL"), 30_000);
    await gone;
    clearTimeout(killing);
  }

  #get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const question = request({ host: "127.0.0.1", port: this.#options.statusPort, path }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      });
      question.on("error", reject);
      question.end();
    });
  }
}

/** Metrics in Prometheus' text form. */
export class Metrics {
  readonly #values = new Map<string, number>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
      if (name !== undefined) this.#values.set(name, Number(value));
    }
  }

  /** `name{label="value"}` as it is written; 0 when it is not there. */
  value(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  /** Sum over all labels. */
  sum(name: string): number {
    let sum = 0;
    for (const [key, value] of this.#values) if (key === name || key.startsWith(`${name}{`)) sum += value;
    return sum;
  }
}
