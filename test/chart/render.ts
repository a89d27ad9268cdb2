import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, type Document } from "yaml";
import { ensureTools } from "../cluster/rig/tools.ts";
import { Unavailable } from "../cluster/rig/unavailable.ts";

const root = join(import.meta.dirname, "../..");
export const chartFolder = join(root, "charts/picket");

/** What every object of Kubernetes has, and the rest of it as it was rendered. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface RenderOptions {
  /** Values files, by path below the chart. */
  readonly files?: readonly string[];
  /** Values that come after the files. */
  readonly values?: unknown;
  readonly kubeVersion?: string;
  readonly namespace?: string;
  readonly release?: string;
  /** The kinds are long; they are left out unless a test is about them. */
  readonly kinds?: boolean;
}

let helm: string | undefined;

/** Fetches the real helm; skips the tests where there can be none. */
export async function helmOrSkip(context: Mocha.Context): Promise<void> {
  try {
    const tools = await ensureTools(process.env, (line) => void process.stderr.write(`${line}\n`));
    helm = join(tools, "helm");
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    context.skip();
  }
}

/** What `helm template` makes of the values. */
export function render(options: RenderOptions = {}): readonly KubeObject[] {
  return renderDocuments(options).map((document) => document.toJS() as KubeObject);
}

/** The same with its comments. */
export function renderDocuments(options: RenderOptions = {}): readonly Document[] {
  const { status, stdout, stderr } = template(options);
  if (status !== 0) throw new Error(stderr);
  return [...parseAllDocuments(stdout)].filter((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.contents !== null;
  });
}

/** Why `helm template` refuses the values. */
export function refusal(options: RenderOptions): string {
  const { status, stderr } = template(options);
  if (status === 0) throw new Error(`helm takes ${JSON.stringify(options)}`);
  return stderr;
}

function template(options: RenderOptions): SpawnSyncReturns<string> {
  const { files = [], values, kubeVersion = "1.36.0", namespace = "picket-system", kinds = false } = options;
  const folder = mkdtempSync(join(tmpdir(), "picket-chart-"));
  try {
    const given = files.flatMap((file) => ["--values", join(chartFolder, file)]);
    if (values !== undefined) {
      writeFileSync(join(folder, "values.json"), JSON.stringify(values));
      given.push("--values", join(folder, "values.json"));
    }
    if (!kinds) given.push("--set", "crds.enabled=false");
    const where = ["--namespace", namespace, "--kube-version", kubeVersion];
    return runHelm(["template", options.release ?? "picket", chartFolder, ...where, ...given], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs helm with nothing of this machine's settings. */
export function runHelm(args: readonly string[], home: string): SpawnSyncReturns<string> {
  if (helm === undefined) throw new Error("helmOrSkip comes before");
  return spawnSync(helm, args, { encoding: "utf8", env: { HOME: home, PATH: "" }, maxBuffer: 1 << 26 });
}

/** Objects by `Kind/name`, which a chart must not have twice. */
export function byName(objects: readonly KubeObject[]): ReadonlyMap<string, KubeObject> {
  const found = new Map<string, KubeObject>();
  for (const object of objects) {
    const name = `${object.kind}/${object.metadata.name}`;
    if (found.has(name)) throw new Error(`${name} is rendered twice`);
    found.set(name, object);
  }
  return found;
}
