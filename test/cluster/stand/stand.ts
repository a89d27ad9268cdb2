import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sidecarPort, sidecarPortDistance } from "../../../operator/inject/ports.ts";
import { findEnvoy } from "../../../platform/envoy-binary.ts";
import { poll, type Cluster } from "../cluster.ts";
import { requireIsolation } from "../rig/isolation.ts";
import { freePort } from "../rig/ports.ts";
import { ApiFront } from "./api-front.ts";

const root = join(import.meta.dirname, "../../..");

/** The only namespace of whose accounts the cluster of the tests writes down every call. */
export const installNamespace = "picket-system";

/** How long a part of the stand may take to come up on a machine that is busy. */
export const standMs = 60_000;

/** Ports of sidecars: below those that the kernel gives to outgoing connections. */
const sidecarPorts = [28_500, 32_000] as const;

/** An object of Kubernetes, as far as tests read it. */
export interface Thing {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** A replica of the operator as a process. */
export interface Replica {
  readonly name: string;
  readonly host: string;
  readonly child: ChildProcess;
  readonly front: ApiFront;
}

/** An injected pod that is not run by a kubelet but by this stand: an Envoy as injection wrote it. */
export interface Proxy {
  readonly namespace: string;
  readonly pod: Thing;
  /** Where callers come to. */
  readonly port: number;
  /** Address of the pages that a pod has on ports 15021 and 15090. */
  readonly pages: string;
  /** Folder of its token and authorities. */
  readonly identity: string;
  readonly child: ChildProcess;
}

/**
 * An install of the chart in a cluster without a node: operator, scorer and the proxies of injected pods run as
 * processes, with the rights and tokens that the cluster gives them. Each has an address of its own on loopback, by
 * which the names of Services are resolved in a mount namespace of the programs.
 */
export class Stand {
  readonly cluster: Cluster;
  readonly folder = mkdtempSync(join(tmpdir(), "ps-"));
  readonly replicas: Replica[] = [];
  readonly proxies: Proxy[] = [];
  readonly #envoy: string;
  readonly #children = new Set<ChildProcess>();
  readonly #namespaces: string[] = [];
  readonly #applications: Server[] = [];
  readonly #net = `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}`;
  scorer: ChildProcess | undefined;
  output = "";
  #pods = 0;

  private constructor(cluster: Cluster, envoy: string) {
    this.cluster = cluster;
    this.#envoy = envoy;
  }

  /** Rejects with Unavailable where this process may not make namespaces. */
  static async start(cluster: Cluster, values: readonly string[] = []): Promise<Stand> {
    await requireIsolation();
    const envoy = findEnvoy(process.env);
    if (envoy === undefined) throw new Error("no Envoy; run make setup");
    const stand = new Stand(cluster, envoy);
    await stand.upgrade(values);
    return stand;
  }

  /** Installs the chart, or puts right what is missing of it. */
  async upgrade(values: readonly string[] = []): Promise<void> {
    const own = ["injection.mode=policy", "injection.proxy.captureMode=Port", "injection.failurePolicy=Fail"];
    const settings = [...own, "operator.replicas=1", "scorer.replicas=1", ...values].flatMap((value) => [
      "--set",
      value,
    ]);
    const chart = join(root, "charts/picket");
    const where = ["--namespace", installNamespace, "--create-namespace", "--take-ownership"];
    await this.cluster.helm(["upgrade", "--install", "picket", chart, ...where, ...settings]);
  }

  /** Resolves when the replica answers as ready, unless it is not waited for. */
  async startOperator(
    number: 1 | 2,
    { wait = true, environment = {} }: { wait?: boolean; environment?: Readonly<Record<string, string>> } = {},
  ): Promise<Replica> {
    const name = `picket-operator-${number}`;
    const host = `${this.#net}.${number}`;
    const front = this.replicas.find((one) => one.name === name)?.front ?? (await ApiFront.start(this.cluster));
    const kubeconfig = join(this.folder, `${name}.kubeconfig`);
    front.writeKubeconfig(
      kubeconfig,
      await this.cluster.token({ namespace: installNamespace, name: "picket-operator" }),
    );
    const child = this.#node("operator/main.ts", {
      PICKET_SOURCE: "kubernetes",
      PICKET_NAMESPACE: installNamespace,
      PICKET_POD: name,
      PICKET_KUBECONFIG: kubeconfig,
      PICKET_OPERATOR_LISTEN: `${host}:15010`,
      PICKET_WEBHOOK_LISTEN: `${host}:15017`,
      PICKET_OPERATOR_STATUS: `${host}:15040`,
      PICKET_SCORER: `picket-scorer.${installNamespace}.svc:15031`,
      PICKET_INJECTION: "policy",
      PICKET_INJECTION_FAILURE: "Fail",
      PICKET_CAPTURE: "Port",
      PICKET_PROXY_IMAGE: "picket.test/proxy:1",
      ...environment,
    });
    const replica = { name, host, child, front };
    const index = this.replicas.findIndex((one) => one.name === name);
    if (index < 0) this.replicas.push(replica);
    else this.replicas[index] = replica;
    if (wait) await this.until(`${name} to be ready`, () => this.isReady(replica));
    return replica;
  }

  async isReady({ host }: Replica): Promise<boolean> {
    const answer = await fetch(`http://${host}:15040/readyz`, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.ok;
  }

  /** A page of a replica, or of the scorer. */
  async page(host: string, port: number, path: string): Promise<string> {
    return (await fetch(`http://${host}:${port}${path}`, { signal: AbortSignal.timeout(5_000) })).text();
  }

  get scorerHost(): string {
    return `${this.#net}.10`;
  }

  /** Starts the scorer as a pod of its Deployment, whose token it has. */
  async startScorer(): Promise<void> {
    const pods = `/api/v1/namespaces/${installNamespace}/pods`;
    const selector = "labelSelector=app.kubernetes.io/component%3Dscorer";
    const pod = await this.get("a pod of the scorers", async () => (await this.list(`${pods}?${selector}`))[0]);
    const secret = await this.get("the scorer's certificate", () =>
      this.read(`/api/v1/namespaces/${installNamespace}/secrets/picket-scorer-tls`),
    );
    const folder = join(this.folder, "scorer");
    mkdirSync(folder, { recursive: true });
    const data = secret["data"] as Readonly<Record<string, string>>;
    for (const file of ["tls.crt", "tls.key"]) writeFileSync(join(folder, file), Buffer.from(data[file]!, "base64"));
    await this.#identity(folder, installNamespace, "picket-scorer", pod, "picket-scorer");
    const environment = {
      POD_NAMESPACE: installNamespace,
      POD_NAME: pod.metadata.name,
      POD_UID: pod.metadata.uid,
      PICKET_NODE: pod.metadata.name,
      PICKET_OPERATOR: `picket-operator.${installNamespace}.svc:15010`,
      PICKET_OPERATOR_CA: join(folder, "ca.crt"),
      PICKET_OPERATOR_TOKEN: join(folder, "token"),
      PICKET_SCORER_TLS: folder,
      PICKET_SCORER_LISTEN: `${this.scorerHost}:15031`,
      PICKET_SCORER_STATUS: `${this.scorerHost}:15030`,
    };
    this.scorer = this.#node("sidecar/main.ts", environment);
    await this.until("the scorer to be ready", async () => {
      return (await fetch(`http://${this.scorerHost}:15030/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
    });
  }

  /** A namespace in which pods are injected. Removed when the stand ends. */
  async namespace(prefix: string, annotations: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = await this.cluster.namespace(prefix, { labels: { "picket.dev/inject": "enabled" }, annotations });
    this.#namespaces.push(name);
    return name;
  }

  /** The authorities that pods of a namespace are told to believe. */
  async authorities(namespace: string): Promise<string> {
    const trust = await this.get(`the authorities in ${namespace}`, () =>
      this.read(`/api/v1/namespaces/${namespace}/configmaps/picket-trust`),
    );
    return (trust["data"] as { readonly "ca.crt": string })["ca.crt"];
  }

  /** An application with one pod; its Envoy runs with the arguments and the token of that pod. */
  async startProxy(namespace: string, name: string): Promise<Proxy> {
    const pod = await this.startPod(namespace, name);
    const proxy = { ...pod, child: this.#startEnvoy(pod) };
    this.proxies.push(proxy);
    return proxy;
  }

  /** An application with one injected pod, and nobody who stands for its Envoy. */
  async startPod(namespace: string, name: string): Promise<Omit<Proxy, "child">> {
    // The port of the sidecar is the one that must be free: above, an outgoing connection of anybody would hold it.
    const port = (await freePort(...sidecarPorts)) - sidecarPortDistance;
    const application = createServer((_request, response) => response.end("application\n"));
    this.#applications.push(application);
    await new Promise<void>((resolve) => application.listen(port, "127.0.0.1", resolve));
    const labels = { app: name };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: "app", image: "picket.test/application:1", ports: [{ containerPort: port }] }] },
    };
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    };
    await this.cluster.apply([deployment], namespace);
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    // The API server takes a moment to follow new policies; a pod that came before is made anew.
    const pod = await this.get(`an injected pod of ${name}`, async () => {
      const [found] = await this.list(`${pods}?labelSelector=app%3D${name}`);
      if (found === undefined || found.metadata.labels?.["picket.dev/injected"] === "true") return found;
      await this.cluster.call("DELETE", `${pods}/${found.metadata.name}?gracePeriodSeconds=0`);
      return undefined;
    });
    await this.cluster.call("PATCH", `${pods}/${pod.metadata.name}/status`, {
      contentType: "application/merge-patch+json",
      body: {
        status: {
          phase: "Running",
          podIP: "127.0.0.1",
          podIPs: [{ ip: "127.0.0.1" }],
          conditions: [{ type: "Ready", status: "True" }],
        },
      },
    });
    const pages = `${this.#net}.${20 + this.#pods++}`;
    const identity = mkdtempSync(join(this.folder, "p"));
    await this.#identity(identity, namespace, "default", pod, "picket-xds");
    return { namespace, pod, port: sidecarPort(port), pages, identity };
  }

  /** Starts the proxy of a pod anew, as kubelet does after its end. */
  async restartProxy(proxy: Proxy): Promise<Proxy> {
    await this.renewIdentity(proxy);
    return { ...proxy, child: this.#startEnvoy(proxy) };
  }

  /** Gives a proxy a new token and the authorities of now, as kubelet does in time. */
  async renewIdentity({ identity, namespace, pod }: Proxy): Promise<void> {
    await this.#identity(identity, namespace, "default", pod, "picket-xds");
  }

  /** The status with which a call of the application through its proxy ends; 0 without an answer. */
  async status(proxy: Proxy, path: string): Promise<number> {
    try {
      const answer = await fetch(`http://127.0.0.1:${proxy.port}${path}`, { signal: AbortSignal.timeout(5_000) });
      await answer.body?.cancel();
      return answer.status;
    } catch {
      return 0;
    }
  }

  untilStatus(proxy: Proxy, path: string, status: number): Promise<void> {
    return this.until(`${path} to answer ${status}`, async () => (await this.status(proxy, path)) === status);
  }

  /** Waits until a condition holds; fails with the programs' own words when it does not. */
  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = standMs): Promise<void> {
    await this.get(what, async () => ((await holds()) ? true : undefined), timeoutMs);
  }

  /** Waits until there is something. */
  async get<T>(what: string, find: () => Promise<T | undefined>, timeoutMs = standMs): Promise<T> {
    try {
      return await poll(find, { timeoutMs, what });
    } catch (error) {
      throw new Error(`${String(error)}\n${this.output.slice(-4_000)}`, { cause: error });
    }
  }

  async read(path: string): Promise<Thing | undefined> {
    const { status, body } = await this.cluster.call("GET", path);
    return status === 200 ? (body as Thing) : undefined;
  }

  async list(path: string): Promise<readonly Thing[]> {
    const { status, body } = await this.cluster.call("GET", path);
    return status === 200 ? (body as { readonly items: readonly Thing[] }).items : [];
  }

  /** Kills a program, or tells it to stop, and waits for its end. */
  async end(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGCONT");
    child.kill(signal);
    await once(child, "exit");
    this.#children.delete(child);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await this.end(child);
    for (const { front } of this.replicas) await front.stop();
    for (const application of this.#applications) {
      application.closeAllConnections();
      await new Promise((resolve) => application.close(resolve));
    }
    const { cluster } = this;
    for (const namespace of this.#namespaces) await cluster.removeNamespace(namespace);
    await cluster.helm(["uninstall", "picket", "--namespace", installNamespace, "--no-hooks"]).catch(() => "");
    const own = `/api/v1/namespaces/${installNamespace}`;
    for (const name of ["picket-ca", "picket-operator-tls", "picket-scorer-tls", "picket-proxy-key"]) {
      await cluster.call("DELETE", `${own}/secrets/${name}`);
    }
    await cluster.call("DELETE", `${own}/configmaps?labelSelector=app.kubernetes.io/part-of%3Dpicket`);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #startEnvoy({ namespace, pod, pages, identity }: Omit<Proxy, "child">): ChildProcess {
    const { name, uid } = pod.metadata;
    const spec = pod["spec"] as { readonly initContainers: readonly { name: string; args?: readonly string[] }[] };
    const args = spec.initContainers.find((one) => one.name === "picket-proxy")?.args ?? [];
    // Pages for kubelet are moved, since there is one loopback for every pod.
    const fill = (text: string): string =>
      text
        .replaceAll("$(POD_NAMESPACE)", namespace)
        .replaceAll("$(POD_NAME)", name)
        .replaceAll("$(POD_UID)", uid)
        .replaceAll(`"0.0.0.0"`, `"${pages}"`);
    return this.#inMounts([this.#envoy, ...args.map(fill), "--log-level", "error"], { identity });
  }

  /** Token and authorities, as kubelet would mount them. */
  async #identity(folder: string, namespace: string, account: string, pod: Thing, audience: string): Promise<void> {
    const { name, uid } = pod.metadata;
    const token = await this.cluster.token({ namespace, name: account }, { audiences: [audience], pod: { name, uid } });
    const files = { token, "ca.crt": await this.authorities(namespace) };
    for (const [file, text] of Object.entries(files)) {
      // Swapped whole, which is what programs watch for.
      writeFileSync(join(folder, `.${file}`), text);
      renameSync(join(folder, `.${file}`), join(folder, file));
    }
  }

  #node(program: string, environment: Readonly<Record<string, string>>): ChildProcess {
    const words = [process.execPath, "--disable-warning=ExperimentalWarning", join(root, program)];
    return this.#inMounts(words, { environment });
  }

  /** Starts a program that finds files and the names of Services where it would in a pod. */
  #inMounts(
    words: readonly string[],
    { environment = {}, identity = "" }: { environment?: Readonly<Record<string, string>>; identity?: string },
  ): ChildProcess {
    const etc = join(this.folder, "etc");
    if (!existsSync(etc)) this.#makeEtc(etc);
    const mounts = [
      "mount --bind /etc $0/real",
      "mount --bind $0/etc /etc",
      ...(identity === "" ? [] : ["mount -t tmpfs tmpfs /run", "mkdir -p /run/picket /run/secrets/picket"]),
      ...(identity === "" ? [] : [`mount --bind ${identity} /run/secrets/picket`]),
      'exec "$@"',
    ];
    const shell = ["--mount", "--propagation", "private", "sh", "-c", mounts.join(" && "), this.folder];
    const child = spawn("unshare", [...shell, ...words], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.add(child);
    const keep = (text: Buffer): void => {
      this.output = (this.output + text.toString()).slice(-200_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return child;
  }

  /** Everything of /etc but the names of hosts, and what the proxy's image has there. */
  #makeEtc(etc: string): void {
    const real = join(this.folder, "real");
    for (const folder of [real, etc, join(etc, "picket")]) mkdirSync(folder);
    for (const name of readdirSync("/etc")) {
      if (name !== "hosts" && name !== "picket") symlinkSync(join(real, name), join(etc, name));
    }
    for (const file of ["sds-token.json", "sds-ca.json"]) {
      cpSync(join(root, "images", file), join(etc, "picket", file));
    }
    const operators = [1, 2].map((number) => `${this.#net}.${number} picket-operator.${installNamespace}.svc`);
    const scorer = `${this.scorerHost} picket-scorer.${installNamespace}.svc`;
    writeFileSync(join(etc, "hosts"), ["127.0.0.1 localhost", ...operators, scorer, ""].join("\n"));
  }
}
