import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type sendUnaryData,
  type ServerReadableStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingHttpHeaders, type Server as HttpServer } from "node:http";
import { connect } from "node:http2";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EffectivePolicy } from "../../../core/policy/effective-policy.ts";
import { translateClosed, translateInstall, translateWorkload } from "../../../operator/translate/translate.ts";
import type { EnvoyResources } from "../../../operator/translate/resource.ts";
import { findEnvoy } from "../../../platform/envoy-binary.ts";
import {
  AccessLogServiceService,
  type StreamAccessLogsMessage,
  type StreamAccessLogsResponse,
} from "../../../protos/gen/envoy/service/accesslog/v3/als.ts";
import type { HTTPAccessLogEntry } from "../../../protos/gen/envoy/data/accesslog/v3/accesslog.ts";
import {
  AuthorizationService,
  CheckResponse,
  type CheckRequest,
} from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import { install } from "../../golden/translate/cases.ts";
import { bootstrapOnFiles, writeDiscovered } from "./on-files.ts";

/** The Envoy to test with. Without one the test is skipped by name, except where everything must run. */
export function envoyOrSkip(context: Mocha.Context): string {
  const envoy = findEnvoy(process.env);
  if (envoy !== undefined) return envoy;
  if (process.env.CI === "true") throw new Error("Envoy is not there: node scripts/fetch-envoy.ts");
  return context.skip();
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** By which the Envoy of a rig proves itself. */
export const rigProxyKey = "k".repeat(43);
const proxyKeyOf = (): string => rigProxyKey;

type Reply = (check: CheckRequest) => CheckResponse | "silence";

/** `ALLOW` with nothing changed, as the scorer writes it. */
export const passes: CheckResponse = CheckResponse.fromPartial({
  status: { code: 0 },
  httpResponse: { $case: "okResponse", okResponse: {} },
});

/** A real Envoy with one workload, an application that writes down what it received, and a scorer that says what a test wants. */
export class Rig {
  readonly checks: CheckRequest[] = [];
  readonly received: Received[] = [];
  readonly logged: HTTPAccessLogEntry[] = [];
  reply: Reply = () => passes;
  readonly #folder = mkdtempSync(join(tmpdir(), "picket-translate-"));
  readonly #envoyPath: string;
  #application: HttpServer | undefined;
  #scorer: Server | undefined;
  #envoy: ChildProcess | undefined;
  #output = "";
  #port = 0;

  constructor(envoyPath: string) {
    this.#envoyPath = envoyPath;
  }

  async start(policy: EffectivePolicy | "closed", base: EffectivePolicy): Promise<void> {
    await this.#startApplication();
    await this.startScorer();
    this.#port = await freePort();
    const shared = translateInstall({
      scorer: { kind: "socket", path: join(this.#folder, "scorer.sock") },
      accessLog: { kind: "socket", path: join(this.#folder, "scorer.sock") },
    });
    const workload = this.#placed(base);
    const own =
      policy === "closed" ? translateClosed(workload.workload, install, { proxyKeyOf }) : this.translate(policy);
    const config = bootstrapOnFiles(this.#folder, [shared, own], join(this.#folder, "admin.sock"));
    const file = join(this.#folder, "bootstrap.json");
    writeFileSync(file, JSON.stringify(config));
    const options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
    this.#envoy = spawn(this.#envoyPath, ["--config-path", file, ...options], { stdio: ["ignore", "pipe", "pipe"] });
    this.#envoy.stdout?.on("data", (text: Buffer) => (this.#output += String(text)));
    this.#envoy.stderr?.on("data", (text: Buffer) => (this.#output += String(text)));
    await this.until(async () => {
      if (this.#envoy?.exitCode !== null) throw new Error(`Envoy ended: ${this.#output}`);
      return (await this.admin("/ready")).status === 200;
    });
  }

  translate(policy: EffectivePolicy): EnvoyResources {
    return translateWorkload(this.#placed(policy), install, { keys: new Map(), proxyKeyOf }).envoy;
  }

  /** Puts another policy in force without touching the listener. */
  change(policy: EffectivePolicy): void {
    writeDiscovered(this.#folder, this.translate(policy));
  }

  /** Waits until Envoy runs the routes and the filters of the policy as they were written last. */
  async settled(policy: EffectivePolicy): Promise<void> {
    const { routes, extensions } = this.translate(policy);
    await this.until(async () => {
      const { body } = await this.admin("/stats?filter=version_text");
      return [...routes, ...extensions].every((resource) => body.includes(`"${resource.version}"`));
    });
  }

  /** Forgets what the access log said until now, entries that Envoy still holds included. */
  async forgetLog(): Promise<void> {
    await this.ask("GET", "/forget");
    await this.until(() => this.logged.at(-1)?.request?.path === "/forget");
    this.logged.length = 0;
  }

  #placed(policy: EffectivePolicy): EffectivePolicy {
    const address = this.#application?.address() as AddressInfo;
    const workload = {
      ...policy.workload,
      listen: { host: "127.0.0.1", port: this.#port },
      upstream: { host: "127.0.0.1", port: address.port },
    };
    return { ...policy, workload };
  }

  async #startApplication(): Promise<void> {
    this.#application = createServer((incoming, outgoing) => {
      let bodyBytes = 0;
      incoming.on("data", (chunk: Buffer) => (bodyBytes += chunk.length));
      incoming.on("end", () => {
        this.received.push({
          method: incoming.method ?? "",
          path: incoming.url ?? "",
          headers: incoming.headers,
          bodyBytes,
        });
        outgoing.end("served");
      });
    });
    this.#application.listen(0, "127.0.0.1");
    await once(this.#application, "listening");
  }

  async startScorer(): Promise<void> {
    const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
    server.addService(AuthorizationService, {
      check: (call: ServerUnaryCall<CheckRequest, CheckResponse>, done: sendUnaryData<CheckResponse>) => {
        this.checks.push(call.request);
        const answer = this.reply(call.request);
        if (answer !== "silence") done(null, answer);
      },
    });
    server.addService(AccessLogServiceService, {
      streamAccessLogs: (stream: ServerReadableStream<StreamAccessLogsMessage, StreamAccessLogsResponse>) => {
        stream.on("data", (message: StreamAccessLogsMessage) => {
          if (message.logEntries?.$case === "httpLogs") this.logged.push(...message.logEntries.httpLogs.logEntry);
        });
        stream.on("error", () => undefined);
      },
    });
    server.addService(healthService, {
      check: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, Buffer.from([8, 1])),
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${join(this.#folder, "scorer.sock")}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    this.#scorer = server;
  }

  killScorer(): void {
    this.#scorer?.forceShutdown();
    this.#scorer = undefined;
  }

  ask(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<Answer> {
    return exchange(
      { host: "127.0.0.1", port: this.#port, method, path, headers: options.headers ?? {} },
      options.body,
    );
  }

  /** The status of a GET over HTTP/2. Each character of the path is sent as one byte, which HTTP/1 would not take. */
  async askHttp2(path: string): Promise<number> {
    const session = connect(`http://127.0.0.1:${this.#port}`);
    try {
      const stream = session.request({ ":path": path });
      const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
      return headers[":status"] ?? 0;
    } finally {
      session.destroy();
    }
  }

  admin(path: string): Promise<Answer> {
    return exchange({ socketPath: join(this.#folder, "admin.sock"), method: "GET", path, headers: {} }, undefined);
  }

  async until(holds: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const held = await Promise.resolve(holds()).catch((error: unknown) => {
        if (this.#envoy?.exitCode !== null) throw error;
        return false;
      });
      if (held) return;
      if (performance.now() > deadline) throw new Error(`did not come true in time; Envoy says: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.killScorer();
    this.#application?.closeAllConnections();
    this.#application?.close();
    if (this.#envoy?.exitCode === null) {
      this.#envoy.kill("SIGTERM");
      await once(this.#envoy, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const asIs = (value: Buffer): Buffer => value;

const healthService = {
  check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} as const satisfies ServiceDefinition;

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function exchange(options: object, body: Buffer | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, agent: false }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk: Buffer) => (text += String(chunk)));
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }));
      incoming.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
