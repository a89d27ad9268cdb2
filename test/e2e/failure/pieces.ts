import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findEnvoy } from "../../../platform/envoy-binary.ts";
import { bootstrap } from "../../../operator/translate/envoy/bootstrap.ts";
import { renderJson } from "../../../operator/translate/envoy/any.ts";

const root = join(import.meta.dirname, "../../..");

/** One request as the application saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** Operator, scorer and Envoy as processes of their own, so that each can be hurt alone, and an application behind. */
export class Pieces {
  readonly folder = mkdtempSync(join(tmpdir(), "pk-"));
  readonly policies = join(this.folder, "p");
  readonly scorerSocket = join(this.folder, "s");
  readonly seen: Seen[] = [];
  port = 0;
  scorerStatus = 0;
  #operatorStatus = 0;
  #application: Server | undefined;
  #operator: ChildProcess | undefined;
  #envoy: ChildProcess | undefined;
  scorer: ChildProcess | undefined;
  #output = "";

  /** `files` may say `__LISTEN__` and `__UPSTREAM__` for the ports. */
  async start(files: Readonly<Record<string, string>>, { withScorer = true } = {}): Promise<void> {
    const application = createServer((request, response) => {
      this.seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
      response.end("application");
    });
    this.#application = application;
    await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
    const upstream = (application.address() as AddressInfo).port;
    [this.port, this.#operatorStatus, this.scorerStatus] = (await freePorts(3)) as [number, number, number];

    const { mkdirSync } = await import("node:fs");
    mkdirSync(this.policies);
    for (const [name, text] of Object.entries(files)) this.write(name, fill(text, this.port, upstream));
    this.#upstream = upstream;
    this.#operator = this.#node("operator/main.ts", {
      PICKET_POLICIES: this.policies,
      PICKET_STATE: this.#inFolder("state"),
      PICKET_OPERATOR_LISTEN: `unix:${this.#inFolder("o")}`,
      PICKET_OPERATOR_STATUS: `127.0.0.1:${this.#operatorStatus}`,
      PICKET_SCORER: `unix:${this.scorerSocket}`,
    });
    if (withScorer) this.startScorer();
    const config = bootstrap({
      node: { id: "test/proxy", cluster: "picket-proxy" },
      admin: { kind: "socket", path: this.#inFolder("a") },
      xds: { kind: "socket", path: this.#inFolder("o") },
    });
    const file = this.#inFolder("envoy.json");
    writeFileSync(file, JSON.stringify(renderJson(config)));
    const program = findEnvoy(process.env);
    if (program === undefined) throw new Error("no Envoy; run make setup");
    this.#envoy = this.#watch(
      spawn(program, ["-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"], {
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  }

  #upstream = 0;

  /** Writes a file of the policy folder, ports filled in. */
  write(name: string, text: string): void {
    writeFileSync(join(this.policies, name), fill(text, this.port, this.#upstream));
  }

  remove(name: string): void {
    rmSync(join(this.policies, name));
  }

  startScorer(): void {
    rmSync(this.scorerSocket, { force: true });
    this.scorer = this.#node("sidecar/main.ts", {
      PICKET_SCORER_LISTEN: `unix:${this.scorerSocket}`,
      PICKET_SCORER_STATUS: `127.0.0.1:${this.scorerStatus}`,
      PICKET_OPERATOR: `unix:${this.#inFolder("o")}`,
    });
  }

  /** Waits until a condition holds; fails with the programs' own words when it does not. */
  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (Date.now() < end) {
      if (await Promise.resolve(holds()).catch(() => false)) return;
      await sleep(50);
    }
    throw new Error(`waited in vain until ${what}\n${this.#output.slice(-4_000)}`);
  }

  /** Waits until a request gets this status through Envoy. */
  untilStatus(status: number, target: string, headers: Record<string, string> = {}): Promise<void> {
    return this.until(`${target} answers ${status}`, async () => (await this.ask(target, headers)).status === status);
  }

  async ask(
    target: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: string; headers: Headers }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${target}`, {
      headers,
      signal: AbortSignal.timeout(5_000),
    });
    return { status: response.status, body: await response.text(), headers: response.headers };
  }

  /** The operator's status page. */
  async status(): Promise<unknown> {
    return (await fetch(`http://127.0.0.1:${this.#operatorStatus}/status`)).json();
  }

  async stop(): Promise<void> {
    for (const child of [this.#envoy, this.scorer, this.#operator]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGCONT");
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    this.#application?.closeAllConnections();
    await new Promise((resolve) => this.#application?.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #node(program: string, environment: Record<string, string>): ChildProcess {
    return this.#watch(
      spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, program)], {
        env: { ...process.env, ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  }

  #watch(child: ChildProcess): ChildProcess {
    const keep = (text: Buffer): void => {
      this.#output = (this.#output + text.toString()).slice(-20_000);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    return child;
  }

  #inFolder(name: string): string {
    return join(this.folder, name);
  }
}

function fill(text: string, listen: number, upstream: number): string {
  return text.replaceAll("__LISTEN__", String(listen)).replaceAll("__UPSTREAM__", String(upstream));
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}
