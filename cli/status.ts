import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nearestName } from "../core/policy/parse/nearest-name.ts";
import { clusterKinds } from "./cluster/kinds.ts";
import { kubeconfigFiles, namesCluster, type ClusterReach, type NamespaceReach } from "./cluster/reach.ts";
import { readClusterStatus } from "./cluster/status.ts";
import { CommandError } from "./errors.ts";
import { tableFor, writeResult, type ResultFormat } from "./output/result.ts";
import { exitCodes, type Shell } from "./shell.ts";
import { fetchPage, isRunMeant, stateFolderOf, statusAddressOf, type Reach } from "./status-client.ts";

export interface StatusOptions extends Reach, ClusterReach, NamespaceReach {
  readonly output: ResultFormat;
}

/** The status of an object as the operator writes it; fields that are missing are shown as missing. */
interface ShownObject {
  readonly kind: string;
  readonly name: string;
  readonly mode: string;
  readonly accepted: string;
  readonly programmed: string;
  readonly proxies: string;
  readonly message: string;
  /** Each with its code and fix, as two lines. */
  readonly problems: readonly string[];
  readonly place: string;
  readonly document: unknown;
}

/** Kinds by what people type for them, in lower case. */
const kindNames: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    clusterKinds.flatMap(({ kind, short }) => [
      [kind.toLowerCase(), kind],
      [short, kind],
    ]),
  ),
  workload: "Workload",
};

/** Shows every object, or those named by `KIND` or `KIND/NAME`. 1 when one of them is not in force. */
export async function status(shell: Shell, wanted: string | undefined, options: StatusOptions): Promise<number> {
  const filter = filterOf(wanted);
  const found = (await isClusterMeant(shell, options))
    ? await readFromCluster(shell, options, filter.kind)
    : await readStatus(shell, options);
  const objects = found.objects.map(shownOf).filter(filter.matches).toSorted(byName);
  if (objects.length === 0 && wanted !== undefined) {
    throw new CommandError(
      "PKT0904",
      `there is no ${wanted}`,
      "picket status, to see what there is",
      exitCodes.findings,
    );
  }
  const columns = ["KIND", "NAME", "MODE", "ACCEPTED", "PROGRAMMED", "PROXIES"];
  const row = (one: ShownObject): string[] => [one.kind, one.name, one.mode, one.accepted, one.programmed, one.proxies];
  const heading = found.isLive
    ? found.ready
      ? ""
      : `not ready: ${found.reason}\n`
    : "nothing is running; this was last known\n";
  // One broken file may hold several objects; its problems are told once, in full, below the table that may be cut.
  const problems = [...new Set(objects.flatMap((one) => one.problems))].map((text) => `\n${text}`).join("");
  await writeResult(shell, options.output, {
    kind: "StatusList",
    body: {
      live: found.isLive,
      ready: found.ready,
      reason: found.reason,
      items: objects.map(({ document }) => document),
    },
    text: () =>
      `${heading}${tableFor(
        shell,
        [...columns, "MESSAGE"],
        objects.map((one) => [...row(one), one.message]),
      )}${problems}`,
    wide: () =>
      `${heading}${tableFor(
        shell,
        [...columns, "PLACE", "MESSAGE"],
        objects.map((one) => [...row(one), one.place, one.message]),
      )}${problems}`,
    names: () => objects.map(({ kind, name }) => `${kind}/${name}`),
  });
  if (!found.isLive) return exitCodes.unreachable;
  const isFine = objects.every(({ accepted, programmed }) => accepted === "True" && programmed !== "False");
  return found.ready && isFine ? exitCodes.fine : exitCodes.findings;
}

async function isClusterMeant(shell: Shell, options: StatusOptions): Promise<boolean> {
  if (namesCluster(options) || shell.name === "kubectl picket") return true;
  return kubeconfigFiles(shell, options).length > 0 && !(await isRunMeant(shell, options));
}

async function readFromCluster(shell: Shell, options: StatusOptions, kind: string | undefined): Promise<FoundStatus> {
  const { objects, where } = await readClusterStatus(shell, options, kind);
  if (objects.length === 0) shell.stderr.write(`nothing in ${where}; -A looks into all namespaces\n`);
  return { isLive: true, ready: true, reason: "", objects };
}

interface FoundStatus {
  readonly isLive: boolean;
  readonly ready: boolean;
  readonly reason: string;
  readonly objects: readonly unknown[];
}

/** From the running Picket; when none runs, what it last wrote into its state folder. */
async function readStatus(shell: Shell, reach: Reach): Promise<FoundStatus> {
  try {
    const { body, status: code } = await fetchPage(statusAddressOf(shell, reach), "/status");
    const page = asRecord(body);
    const objects = page["objects"];
    if (code !== 200 || !Array.isArray(objects)) {
      throw new CommandError(
        "PKT0905",
        "what answers there is no Picket",
        "name its --status-address",
        exitCodes.unreachable,
      );
    }
    return { isLive: true, ready: page["ready"] === true, reason: textOf(page["reason"]), objects };
  } catch (error) {
    const last =
      error instanceof CommandError && error.code === "PKT0905" ? readFiles(stateFolderOf(shell, reach)) : [];
    if (last.length === 0) throw error;
    return { isLive: false, ready: false, reason: "nothing is running", objects: last };
  }
}

function readFiles(stateFolder: string): readonly unknown[] {
  // `run` keeps the operator's state one folder deeper.
  for (const folder of [join(stateFolder, "status"), join(stateFolder, "operator", "status")]) {
    try {
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".json"))
        .toSorted()
        .map((file): unknown => JSON.parse(readFileSync(join(folder, file), "utf8")));
    } catch {
      // Not there; the next one may be.
    }
  }
  return [];
}

interface Filter {
  readonly kind: string | undefined;
  readonly matches: (object: ShownObject) => boolean;
}

function filterOf(wanted: string | undefined): Filter {
  if (wanted === undefined) return { kind: undefined, matches: () => true };
  const slash = wanted.indexOf("/");
  const written = slash < 0 ? wanted : wanted.slice(0, slash);
  const name = slash < 0 ? undefined : wanted.slice(slash + 1);
  const lower = written.toLowerCase();
  const kind = kindNames[lower] ?? kindNames[lower.replace(/s$/, "")] ?? kindNames[lower.replace(/ies$/, "y")];
  if (kind === undefined) {
    const near = nearestName(written, Object.values(kindNames));
    const fix =
      near === undefined
        ? `write one of ${[...new Set(Object.values(kindNames))].join(", ")}`
        : `picket status ${near}`;
    throw new CommandError("PKT0901", `there is no kind ${JSON.stringify(written)}`, fix);
  }
  return {
    kind,
    matches: (object) =>
      object.kind === kind && (name === undefined || object.name === name || object.name.endsWith(`/${name}`)),
  };
}

function shownOf(document: unknown): ShownObject {
  const object = asRecord(document);
  const metadata = asRecord(object["metadata"]);
  const state = asRecord(object["status"]);
  const conditions = Array.isArray(state["conditions"]) ? state["conditions"].map(asRecord) : [];
  const condition = (type: string): Readonly<Record<string, unknown>> =>
    conditions.find((one) => one["type"] === type) ?? {};
  const bad = conditions.find((one) => one["status"] !== "True");
  const problems = Array.isArray(state["problems"]) ? state["problems"].map(asRecord) : [];
  const [problem] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const proxies = asRecord(state["proxies"]);
  const namespace = textOf(metadata["namespace"]);
  const name = textOf(metadata["name"]);
  return {
    kind: textOf(object["kind"]),
    name: namespace === "" ? name : `${namespace}/${name}`,
    mode: modeOf(object, state),
    accepted: textOf(condition("Accepted")["status"]) || "-",
    programmed: textOf(condition("Programmed")["status"]) || "-",
    proxies: state["proxies"] === undefined ? "-" : `${textOf(proxies["current"])}/${textOf(proxies["total"])}`,
    message: problem === undefined ? messageOf(conditions, bad) : `${printProblem(problem)}${more}`,
    problems: problems.map((one) => `error: ${printProblem(one)}\ntry:   ${textOf(one["fix"])}\n`),
    place: object["file"] === undefined ? "cluster" : `${textOf(object["file"])}:${textOf(object["line"])}`,
    document,
  };
}

/** The mode in force; of an object without status what its author wrote. */
function modeOf(object: Readonly<Record<string, unknown>>, state: Readonly<Record<string, unknown>>): string {
  return textOf(state["mode"]).toLowerCase() || textOf(asRecord(object["spec"])["mode"]).toLowerCase() || "-";
}

function messageOf(conditions: readonly unknown[], bad: Readonly<Record<string, unknown>> | undefined): string {
  return conditions.length === 0 ? "no operator has looked at it" : textOf(bad?.["message"]);
}

/** `notes.yaml:30 spec.mode: "enforce" is not a mode [PKT0205]`; a problem of a whole file has no field. */
function printProblem(problem: Readonly<Record<string, unknown>>): string {
  const part = (name: string): string => textOf(problem[name]);
  const place = part("line") === "" || part("line") === "0" ? part("file") : `${part("file")}:${part("line")}`;
  const field = part("field") === "" ? "" : ` ${part("field")}:`;
  const code = part("code") === "" ? "" : ` [${part("code")}]`;
  return `${place}${field} ${part("message")}${code}`;
}

/** The same order each time, whatever order the objects come in. */
function byName(a: ShownObject, b: ShownObject): number {
  return compareText(a.kind, b.kind) || compareText(a.name, b.name) || compareText(a.place, b.place);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** Text and numbers as text on one line; anything else is empty. */
export function textOf(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  // What is shown on a terminal must not steer it.
  return typeof value === "string" ? value.replaceAll(/\p{Cc}/gu, "?") : "";
}
