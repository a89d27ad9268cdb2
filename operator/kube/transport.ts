import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Bucket } from "./bucket.ts";
import { readCredentials, type Credentials } from "./credentials.ts";
import { KubeError, statusError, toKubeError } from "./error.ts";
import { LineReader } from "./lines.ts";
import type { KubeMetrics } from "./metrics.ts";
import { createResourceLabel } from "./request-name.ts";
import { pause, systemTimers } from "./timers.ts";

export { KubeError, type KubeErrorCode } from "./error.ts";

/** Largest answer that is read whole. A page of 500 policies has a few megabytes. */
export const answerBytesMax = 128 << 20;

/** Longest line of a watch. An object has at most 1.5 MiB in etcd; as JSON it may be larger. */
export const lineBytesMax = 16 << 20;

/** Largest body of a failed request that is looked at for its reason. */
const failureBytesMax = 1 << 20;

/** Time for a request from call to the end of its answer, when the caller names none. */
const requestMs = 30_000;

/** Time until a watch must have been answered with its headers. */
const watchAnswerMs = 30_000;

/** Longest silence of a watch, when the caller names none. */
const watchSilenceMs = 60_000;

/** Requests a second and at once; watches count once each. Leases go before everything. */
const requestsPerSecond = 50;
const requestsBurst = 100;

/** How long nothing is asked after a 429 that names no time. */
const throttledMs = 1_000;

/** Connections for requests, and how long one may stay unused: less than the API server keeps them. */
const socketsMax = 16;
const socketIdleMs = 45_000;

/** Silence of a connection after which the kernel asks whether the other side still lives. */
const tcpKeepAliveMs = 15_000;

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From `/api` or `/apis` on; names in it are encoded by whoever makes it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** A request: time for all of it. A watch: longest silence. */
  readonly timeoutMs?: number;
  /** Not held back by the limit of requests: for leases, and for what has a limit of its own. */
  readonly urgent?: boolean;
}

export interface KubeTransport {
  /** The parsed answer; rejects with a KubeError. Never tries twice, but for a GET on a connection that had gone stale. */
  request(request: KubeRequest): Promise<unknown>;
  /** Settles when the stream ended; rejects with a KubeError when it ended otherwise than the API server ends one. */
  watch(request: KubeRequest, on: WatchEvents): Promise<void>;
  close(): void;
}

export interface WatchEvents {
  /** The API server accepted the watch. */
  opened?(): void;
  /** One line. What this throws ends the watch. */
  line(text: string): void;
}

export interface TransportOptions {
  /** A file, or `in-cluster` for the service account of the pod. */
  readonly kubeconfig: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics?: KubeMetrics;
}

/** Talks to one API server. Resolves as soon as the kubeconfig is read; nothing is asked before the first request. */
export async function createTransport(options: TransportOptions): Promise<KubeTransport> {
  return new HttpsTransport(await readCredentials(options), options);
}

class HttpsTransport implements KubeTransport {
  readonly #credentials: Credentials;
  readonly #options: TransportOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: socketsMax, timeout: socketIdleMs, scheduling: "lifo" });
  /** Not counted: each watch needs a connection of its own. One that ended well hands it to the next. */
  readonly #watchAgent = new Agent({ keepAlive: true, timeout: socketIdleMs, scheduling: "lifo" });
  readonly #closed = new AbortController();
  readonly #bucket: Bucket;
  readonly #resourceLabel = createResourceLabel();

  constructor(credentials: Credentials, options: TransportOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.#bucket = new Bucket({ perSecond: requestsPerSecond, burst: requestsBurst, clock: options.clock });
  }

  async request(request: KubeRequest): Promise<unknown> {
    const startedMs = this.#options.clock.monotonic();
    const deadline = new Deadline(request.timeoutMs ?? requestMs, this.#signals(request));
    let status = 0;
    try {
      await this.#turn(request, deadline.signal);
      const answer = await this.#send(request, this.#agent, deadline.signal);
      status = answer.statusCode ?? 0;
      if (!isGood(status)) throw await this.#failure(request, answer);
      return parsed(await readText(answer, answerBytesMax), what(request));
    } catch (error) {
      throw deadline.explain(error, what(request));
    } finally {
      deadline.cancel();
      this.#count(request, request.method, status, startedMs);
    }
  }

  async watch(request: KubeRequest, on: WatchEvents): Promise<void> {
    const startedMs = this.#options.clock.monotonic();
    const deadline = new Deadline(watchAnswerMs, this.#signals(request));
    let status = 0;
    try {
      await this.#turn(request, deadline.signal);
      const answer = await this.#send(request, this.#watchAgent, deadline.signal);
      status = answer.statusCode ?? 0;
      if (!isGood(status)) throw await this.#failure(request, answer);
      deadline.restart(request.timeoutMs ?? watchSilenceMs, "Silent");
      on.opened?.();
      await readLines(answer, on, () => deadline.touch());
    } catch (error) {
      throw deadline.explain(error, what(request));
    } finally {
      deadline.cancel();
      this.#count(request, "WATCH", status, startedMs);
    }
  }

  close(): void {
    this.#closed.abort();
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }

  #signals(request: KubeRequest): readonly AbortSignal[] {
    return request.signal === undefined ? [this.#closed.signal] : [this.#closed.signal, request.signal];
  }

  /** Waits for the limit of requests and for what the API server asked for. */
  async #turn(request: KubeRequest, signal: AbortSignal): Promise<void> {
    if (request.urgent !== true) {
      const ms = this.#bucket.reserveMs();
      if (ms > 0) {
        this.#options.metrics?.throttledSeconds.inc(ms / 1000);
        await pause(systemTimers, ms, signal);
      }
    }
    signal.throwIfAborted();
  }

  async #send(request: KubeRequest, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
    const { server } = this.#credentials;
    const options = await this.#credentials.options();
    const query = new URLSearchParams(request.query).toString();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const all: RequestOptions = {
      ...options,
      agent: options.agent ?? agent,
      method: request.method,
      path: `${server.pathname.replace(/\/$/, "")}${request.path}${query === "" ? "" : `?${query}`}`,
      headers: {
        ...options.headers,
        accept: "application/json",
        "user-agent": "picket-operator",
        ...(body === undefined
          ? {}
          : { "content-type": request.contentType ?? "application/json", "content-length": body.length }),
      },
      signal,
    };
    try {
      return await answerTo(all, body);
    } catch (error) {
      const isStale = error instanceof StaleConnection;
      if (isStale && request.method === "GET") return await answerTo(all, body);
      throw isStale ? error.cause : error;
    }
  }

  async #failure(request: KubeRequest, answer: IncomingMessage): Promise<KubeError> {
    let body: unknown;
    try {
      body = JSON.parse(await readText(answer, failureBytesMax));
    } catch {
      // A proxy's page, or half of one: the status has to do.
    }
    const error = statusError(what(request), answer.statusCode ?? 0, body, answer.headers["retry-after"]);
    if (error.code === "unauthorized") this.#credentials.refused();
    if (error.code === "throttled") this.#bucket.close(error.retryAfterMs ?? throttledMs);
    else if (error.status === 503 && error.retryAfterMs !== undefined) this.#bucket.close(error.retryAfterMs);
    return error;
  }

  #count(request: KubeRequest, verb: string, status: number, startedMs: number): void {
    const { metrics, clock } = this.#options;
    const codeClass = status === 0 ? "none" : `${Math.trunc(status / 100)}xx`;
    metrics?.requests.inc({ verb, resource: this.#resourceLabel(request.path), code_class: codeClass });
    if (verb !== "WATCH") metrics?.requestSeconds.observe({ verb }, (clock.monotonic() - startedMs) / 1000);
  }
}

/** The server closed a pooled connection before it answered. */
class StaleConnection extends Error {}

function answerTo(options: RequestOptions, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, resolve);
    sent.on("socket", (socket) => socket.setKeepAlive(true, tcpKeepAliveMs));
    sent.on("error", (error) => {
      const isReset = "code" in error && error.code === "ECONNRESET";
      reject(sent.reusedSocket && isReset ? new StaleConnection("stale", { cause: error }) : error);
    });
    sent.end(body);
  });
}

/** One time limit and the reasons to stop, as one signal; tells afterwards which it was. */
class Deadline {
  readonly signal: AbortSignal;
  readonly #late = new AbortController();
  #reason = "Deadline";
  #timer: NodeJS.Timeout;

  constructor(ms: number, others: readonly AbortSignal[]) {
    this.#timer = this.#start(ms);
    this.signal = AbortSignal.any([this.#late.signal, ...others]);
  }

  restart(ms: number, reason: string): void {
    clearTimeout(this.#timer);
    this.#reason = reason;
    this.#timer = this.#start(ms);
  }

  touch(): void {
    this.#timer.refresh();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  explain(error: unknown, what: string): KubeError {
    if (error instanceof KubeError) return error;
    if (this.#late.signal.aborted) {
      return new KubeError({ code: "timeout", status: 0, reason: this.#reason, message: `${what}: no answer in time` });
    }
    if (this.signal.aborted) {
      return new KubeError({ code: "other", status: 0, reason: "Aborted", message: `${what}: stopped by the caller` });
    }
    return toKubeError(error, what);
  }

  #start(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#late.abort(), ms);
  }
}

async function readText(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      throw new KubeError({ code: "other", status: 0, reason: "TooLarge", message: "the answer is too large" });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

async function readLines(answer: IncomingMessage, on: WatchEvents, touched: () => void): Promise<void> {
  const reader = new LineReader(lineBytesMax, (text) => on.line(text));
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    touched();
    reader.push(chunk);
  }
  reader.end();
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeError({
      code: "malformed",
      status: 200,
      reason: "NotJson",
      message: `${what}: not JSON`,
      cause: error,
    });
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function what(request: KubeRequest): string {
  return `${request.method} ${request.path}`;
}
