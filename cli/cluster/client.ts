import { request as httpsRequest, type RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { CommandError } from "../errors.ts";
import { exitCodes, type Shell } from "../shell.ts";
import { isRecord, type KubeObject } from "./object.ts";
import { kubeconfigFiles, type ClusterReach } from "./reach.ts";

/** Time for one request, from the call to the end of its answer. */
export const requestMs = 15_000;
/** Largest answer that is read. */
export const answerBytesMax = 64 << 20;
/** Objects asked for at once, and objects of one kind that a command reads; beyond it is told that there are more. */
export const pageLimit = 500;
export const objectsMax = 50_000;

/** Reads a cluster as the user that the kubeconfig names. Changes nothing. */
export interface Cluster {
  /** Name of the context, for people. */
  readonly context: string;
  /** Namespace of the context. */
  readonly namespace: string;
  /** One object or page; undefined when it is not there. Throws a CommandError when it may not be read. */
  get(path: string): Promise<unknown>;
  /** Every object of a list; undefined when the API server does not know the kind. */
  list(path: string): Promise<readonly KubeObject[] | undefined>;
  /** Whether the user may do something. Asks, and creates nothing. */
  may(question: AccessQuestion): Promise<boolean>;
  /** A page of a pod, through the API server; the status is the pod's, or the API server's when it cannot be reached. */
  podPage(page: PodPage): Promise<PodAnswer>;
}

export interface PodPage {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** `/metrics` */
  readonly path: string;
}

export interface PodAnswer {
  readonly status: number;
  readonly text: string;
}

export interface AccessQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
}

/** Connects as kubectl would. The library that reads kubeconfigs takes half a second to load, so only this loads it. */
export async function connect(shell: Shell, reach: ClusterReach): Promise<Cluster> {
  const files = kubeconfigFiles(shell, reach);
  if (files.length === 0) {
    const fix = "name one with --kubeconfig, or set KUBECONFIG";
    throw new CommandError("PKT0910", "there is no kubeconfig", fix, exitCodes.unreachable);
  }
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    for (const [index, file] of files.entries()) {
      // As with kubectl, what stands in an earlier file wins.
      if (index === 0) config.loadFromFile(file);
      else mergeFile(config, file, KubeConfig);
    }
  } catch {
    throw new CommandError("PKT0910", `${files.join(", ")} cannot be read as kubeconfig`, "kubectl config view");
  }
  if (reach.context !== undefined) {
    if (config.getContextObject(reach.context) === null) {
      const names = config.getContexts().map(({ name }) => name);
      const fix = names.length === 0 ? "kubectl config get-contexts" : `name one of ${names.slice(0, 8).join(", ")}`;
      throw new CommandError("PKT0904", `there is no context ${reach.context}`, fix);
    }
    config.setCurrentContext(reach.context);
  }
  const server = URL.parse(config.getCurrentCluster()?.server ?? "");
  if (server?.protocol !== "https:") {
    const fix = "kubectl config use-context NAME, with a cluster whose server is https";
    throw new CommandError("PKT0910", "the kubeconfig names no current cluster", fix);
  }
  return new HttpsCluster(config, server);
}

/** Adds what a further file names and no former one does. */
function mergeFile(config: KubeConfig, file: string, Config: typeof KubeConfig): void {
  const other = new Config();
  other.loadFromFile(file);
  for (const cluster of other.clusters) if (config.getCluster(cluster.name) === null) config.addCluster(cluster);
  for (const user of other.users) if (config.getUser(user.name) === null) config.addUser(user);
  for (const context of other.contexts) {
    if (config.getContextObject(context.name) === null) config.addContext(context);
  }
  if (config.getCurrentContext() === "") config.setCurrentContext(other.getCurrentContext());
}

class HttpsCluster implements Cluster {
  readonly context: string;
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #server: URL;

  constructor(config: KubeConfig, server: URL) {
    this.#config = config;
    this.#server = server;
    this.context = config.getCurrentContext();
    this.namespace = config.getContextObject(this.context)?.namespace ?? "default";
  }

  async get(path: string): Promise<unknown> {
    const { status, text } = await this.#send("GET", path);
    if (status === 404) return undefined;
    this.#expectGood(status, text, `GET ${path}`);
    return this.#parse(text);
  }

  async list(path: string): Promise<readonly KubeObject[] | undefined> {
    const objects: KubeObject[] = [];
    let next = "";
    do {
      const mark = path.includes("?") ? "&" : "?";
      const page = await this.get(
        `${path}${mark}limit=${pageLimit}${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`,
      );
      if (page === undefined) return undefined;
      const list = isRecord(page) ? page : {};
      // A Go server sends null for an empty slice.
      for (const item of Array.isArray(list["items"]) ? list["items"] : []) if (isRecord(item)) objects.push(item);
      const token = isRecord(list["metadata"]) ? list["metadata"]["continue"] : undefined;
      next = typeof token === "string" ? token : "";
    } while (next !== "" && objects.length < objectsMax);
    return objects;
  }

  async may({ verb, group, resource, namespace }: AccessQuestion): Promise<boolean> {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { verb, group, resource, ...(namespace === undefined ? {} : { namespace }) } },
    };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const { status, text } = await this.#send("POST", path, JSON.stringify(review));
    this.#expectGood(status, text, `POST ${path}`);
    const answer = this.#parse(text);
    const state = isRecord(answer) ? answer["status"] : undefined;
    return isRecord(state) && state["allowed"] === true;
  }

  podPage({ namespace, pod, port, path }: PodPage): Promise<PodAnswer> {
    const place = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}:${port}`;
    return this.#send("GET", `${place}/proxy${path}`);
  }

  #expectGood(status: number, text: string, what: string): void {
    if (status >= 200 && status < 300) return;
    if (status === 401) {
      const fix = "log in to the cluster again, then kubectl auth whoami";
      throw new CommandError("PKT0910", "the API server does not take the credentials", fix, exitCodes.unreachable);
    }
    if (status === 403) {
      const fix = "use a user who may read it, or ask for the ClusterRole view";
      throw new CommandError("PKT0911", `your user may not ${what}`, fix, exitCodes.unreachable);
    }
    const message = messageOf(text);
    const fix = "kubectl get --raw /readyz";
    throw new CommandError("PKT0910", `${what} was answered ${status}: ${message}`, fix, exitCodes.unreachable);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      const message = "what answers there is no API server";
      throw new CommandError("PKT0910", message, "kubectl cluster-info", exitCodes.unreachable);
    }
  }

  async #send(method: string, path: string, body?: string): Promise<PodAnswer> {
    const options: RequestOptions = {
      method,
      host: this.#server.hostname.replaceAll(/^\[|\]$/g, ""),
      port: this.#server.port || 443,
      path: `${this.#server.pathname.replace(/\/$/, "")}${path}`,
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
    };
    try {
      await this.#config.applyToHTTPSOptions(options);
      return await send(options, body);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const why = error instanceof Error ? error.message : "unknown fault";
      const fix = "kubectl cluster-info";
      const message = `no API server answers at ${this.#server.host}: ${why}`;
      throw new CommandError("PKT0910", message, fix, exitCodes.unreachable);
    }
  }
}

function send(options: RequestOptions, body: string | undefined): Promise<PodAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(requestMs);
    const request = httpsRequest({ ...options, signal }, (response) => {
      let text = "";
      let bytes = 0;
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        bytes += part.length;
        if (bytes > answerBytesMax) request.destroy(new Error("the answer is too large"));
        else text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    request.on("error", (error) => {
      if (!signal.aborted) return reject(error);
      const message = `the API server did not answer within ${requestMs / 1_000} s`;
      reject(new CommandError("PKT0906", message, "kubectl get --raw /readyz", exitCodes.timedOut));
    });
    request.end(body);
  });
}

function messageOf(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (isRecord(status) && typeof status["message"] === "string") return oneLine(status["message"]);
  } catch {
    // No status of Kubernetes, then its beginning.
  }
  return oneLine(text);
}

function oneLine(text: string): string {
  return text.slice(0, 300).replaceAll(/\p{Cc}+/gu, " ");
}
