import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { nearestName } from "../core/policy/parse/nearest-name.ts";
import { problemCodes } from "../core/policy/problem.ts";
import { factsOf, reasons, type Reason } from "../core/verdict/reason.ts";
import { findClusterDecision } from "./cluster/decisions.ts";
import { kubeconfigFiles, namesCluster, type ClusterReach } from "./cluster/reach.ts";
import { commandCodes, CommandError } from "./errors.ts";
import { writeResult, type ResultFormat } from "./output/result.ts";
import { findingCodes } from "./policy/finding.ts";
import { adviceOf } from "./reason-advice.ts";
import { exitCodes, type Shell } from "./shell.ts";
import { fetchPage, isRunMeant, stateFolderOf, statusAddressOf, type Reach } from "./status-client.ts";
import { asRecord, textOf } from "./status.ts";

export interface ExplainOptions extends Reach, ClusterReach {
  readonly output: ResultFormat;
  /** Where in the cluster Picket is. */
  readonly namespace?: string | undefined;
}

/** Every code that any part of Picket prints. */
export const allCodes: Readonly<Record<string, { readonly name: string; readonly text: string }>> = {
  ...problemCodes,
  ...findingCodes,
  ...commandCodes,
};

/** Says what a decision, a code or a reason means. Codes and reasons need no running Picket. */
export async function explain(shell: Shell, what: string, options: ExplainOptions): Promise<number> {
  const code = allCodes[what.toUpperCase()];
  if (code !== undefined) {
    const id = what.toUpperCase();
    const body = { code: id, ...code };
    await writeResult(shell, options.output, {
      kind: "Code",
      body,
      text: () => `${id} ${code.name}\n\n${code.text}\n`,
    });
    return exitCodes.fine;
  }
  if (isReason(what)) {
    const { kind, status, text } = factsOf(what);
    const advice = adviceOf[what];
    const answer = status === undefined ? "the request goes on" : `answered with ${status}`;
    await writeResult(shell, options.output, {
      kind: "Reason",
      body: { reason: what, verdict: kind, status, text, advice },
      text: () => `${what} (${kind}, ${answer})\n\n${sentence(text)}\nWhat would change it: ${advice}.\n`,
    });
    return exitCodes.fine;
  }
  if (/^PKT[0-9]/i.test(what)) {
    throw new CommandError(
      "PKT0904",
      `there is no code ${what}`,
      nearOr(what.toUpperCase(), Object.keys(allCodes), "PKT0201"),
    );
  }
  const record = await findDecision(shell, what, options);
  if (record === undefined) {
    const near = nearestName(what, Object.keys(reasons));
    const fix =
      near === undefined ? "take the id from the header x-picket-decision of the answer" : `picket explain ${near}`;
    throw new CommandError(
      "PKT0904",
      `no decision, code or reason ${JSON.stringify(what)} is known`,
      fix,
      exitCodes.findings,
    );
  }
  await writeResult(shell, options.output, {
    kind: "Decision",
    body: { decision: record, advice: adviceFor(textOf(record["reason"])) },
    text: () => printRecord(record),
    names: () => [textOf(record["id"])],
  });
  return exitCodes.fine;
}

function nearOr(written: string, names: readonly string[], fallback: string): string {
  return `picket explain ${nearestName(written, names) ?? fallback}`;
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text);
}

type DecisionRecord = Readonly<Record<string, unknown>>;

/**
 * From the scorers of a cluster; of a run on this machine from the running scorer, else from the decision logs: of the instance that answered, whose scorer remembers nothing
 * from before a restart, then of the state folder.
 */
async function findDecision(shell: Shell, id: string, reach: ExplainOptions): Promise<DecisionRecord | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id)) return undefined;
  if (await isClusterMeant(shell, reach)) {
    const record = await findClusterDecision(shell, reach, id);
    return record === undefined ? undefined : asRecord(record);
  }
  const folders = new Set<string>();
  let away: Error | undefined;
  try {
    const address = statusAddressOf(shell, reach);
    const page = await fetchPage(address, `/decisions/${id}`);
    if (page.status === 200) return asRecord(page.body);
    const running = await stateFolderAt(address);
    if (running !== undefined) folders.add(running);
  } catch (error) {
    away = error instanceof Error ? error : new Error(String(error));
  }
  folders.add(stateFolderOf(shell, reach));
  for (const folder of folders) {
    for (const file of ["decisions.jsonl", "decisions.jsonl.1"]) {
      const logged = await searchLog(join(folder, file), id);
      if (logged !== undefined) return logged;
    }
  }
  // Without either source it is not known that the decision does not exist.
  if (away !== undefined) throw away;
  return undefined;
}

async function isClusterMeant(shell: Shell, reach: ExplainOptions): Promise<boolean> {
  if (namesCluster(reach) || shell.name === "kubectl picket") return true;
  return kubeconfigFiles(shell, reach).length > 0 && !(await isRunMeant(shell, reach));
}

/** The state folder of the instance that answers there; undefined when it does not say. */
async function stateFolderAt(address: string): Promise<string | undefined> {
  const { status, body } = await fetchPage(address, "/run");
  const folder = status === 200 ? asRecord(body)["stateDir"] : undefined;
  return typeof folder === "string" && isAbsolute(folder) ? folder : undefined;
}

async function searchLog(file: string, id: string): Promise<DecisionRecord | undefined> {
  let found: DecisionRecord | undefined;
  try {
    await using handle = await open(file);
    for await (const line of handle.readLines()) {
      // Most lines are ruled out without parsing.
      if (!line.includes(id)) continue;
      const record = parseLine(line);
      if (record["id"] === id) found = record;
    }
  } catch {
    // No log is written, or not here.
    return undefined;
  }
  return found;
}

function parseLine(line: string): DecisionRecord {
  try {
    return asRecord(JSON.parse(line));
  } catch {
    // The last line of a log that is being written.
    return {};
  }
}

function printRecord(record: DecisionRecord): string {
  const reason = textOf(record["reason"]);
  const principal = asRecord(record["principal"]);
  const shadow = asRecord(record["shadow"]);
  const hash = textOf(principal["hash"]);
  const status = textOf(record["status"]);
  const lines: [string, string][] = [
    ["decision", textOf(record["id"])],
    ["time", textOf(record["time"])],
    ["workload", textOf(record["workload"])],
    ["decided by", record["by"] === "proxy" ? "the proxy itself, before anybody was asked" : ""],
    ["operation", operationOf(record)],
    ["verdict", `${textOf(record["verdict"])}${status === "" ? "" : ` (${status})`}${enforcement(record)}`],
    ["reason", isReason(reason) ? `${reason}: ${factsOf(reason).text}` : reason],
    ruleOf(record),
    ["detail", textOf(record["detail"])],
    ["caller", record["by"] === "proxy" ? "" : joined(textOf(principal["kind"]), "known as", hash)],
    ["shadow", joined(textOf(shadow["verdict"]), "because", textOf(shadow["reason"]))],
    ["answered", textOf(record["response"])],
    ["revision", textOf(record["revision"])],
    [
      "took",
      record["durationUs"] === undefined || record["by"] === "proxy" ? "" : `${textOf(record["durationUs"])} µs`,
    ],
    ["would change it", adviceFor(reason) ?? ""],
  ];
  return lines
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(17)}${value}\n`)
    .join("");
}

function operationOf(record: DecisionRecord): string {
  const method = textOf(record["method"]);
  if (record["by"] === "proxy") return method;
  const operation = textOf(record["operation"]);
  if (operation !== "") return operation;
  // Only these two say that rules were looked for; what is refused before that has met no rule yet.
  const isLookedFor = record["reason"] === "no-rule-matched" || record["reason"] === "default-allowed";
  return isLookedFor ? `${method} (no rule names this path)` : method;
}

/** Without a rule, the policy alone has decided. */
function ruleOf(record: DecisionRecord): [string, string] {
  const rule = textOf(record["rule"]);
  const policy = textOf(record["policy"]);
  return rule === "" ? ["policy", policy] : ["rule", joined(rule, "of", policy)];
}

function adviceFor(reason: string): string | undefined {
  return isReason(reason) ? adviceOf[reason] : undefined;
}

function enforcement(record: DecisionRecord): string {
  if (record["enforced"] !== false || record["verdict"] === "allow") return "";
  return `, not acted on: the policy's mode is ${textOf(record["mode"])}`;
}

function joined(first: string, word: string, second: string): string {
  if (first === "") return second;
  return second === "" ? first : `${first} ${word} ${second}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
