import type { Call } from "../core/access/call.ts";
import { meetsLevel } from "../core/access/demands.ts";
import type { ClaimValue } from "../core/access/principal.ts";
import { createMatches, findOperations } from "../core/catalog/find.ts";
import { parameterOf } from "../core/catalog/template.ts";
import type { CompiledEntry, CompiledGate, WhenContext } from "../core/policy/compiled-policy.ts";
import type { EffectivePolicy } from "../core/policy/effective-policy.ts";
import { printId } from "../core/policy/policy.ts";
import { parseAddress } from "../core/request/address.ts";
import { decodeSegment } from "../core/request/path.ts";
import { factsOf } from "../core/verdict/reason.ts";
import { CommandError, printProblems } from "./errors.ts";
import { loadObjects } from "./offline/load.ts";
import { createOfflineJudge } from "./offline/offline-judge.ts";
import { principalOf, type DescribedToken } from "./offline/principal.ts";
import { effectiveOf } from "./offline/workload.ts";
import { writeResult, type ResultFormat } from "./output/result.ts";
import { explainVerdict } from "./policy/run-test.ts";
import { adviceOf } from "./reason-advice.ts";
import { exitCodes, type Shell } from "./shell.ts";

export interface CanOptions {
  readonly from: string;
  readonly workload?: string | undefined;
  readonly claims?: string | undefined;
  readonly header: readonly string[];
  readonly sourceIp?: string | undefined;
  readonly host?: string | undefined;
  readonly output: ResultFormat;
}

/** What one rule says about the request. */
interface RuleAnswer {
  readonly policy: string;
  readonly rule: string;
  readonly effect: "allow" | "deny";
  readonly operation: string;
  readonly answer: string;
}

/** Decides one request with the policies of a folder and says what each rule that matches thinks of it. */
export async function can(
  shell: Shell,
  principal: string,
  method: string,
  path: string,
  options: CanOptions,
): Promise<number> {
  // A proxy would call it ambiguous; here it is a slip of the pen.
  if (!path.startsWith("/")) {
    const fix = `start with /: picket can ${principal} ${method} /${path}`;
    throw new CommandError("PKT0901", `${JSON.stringify(path)} is not a path`, fix);
  }
  const objects = loadObjects([options.from], shell.folder);
  if (objects.problems.length > 0) {
    printProblems(shell, objects.problems);
    throw new CommandError("PKT0903", "nothing is decided with bad objects", "mend the problems above");
  }
  const effective = effectiveOf(objects, options.workload);
  const judge = createOfflineJudge(effective);
  const token = tokenOf(principal, options.claims, effective);
  const nowMs = shell.clock.now();
  const { judgement, call } = judge.decide(
    {
      method,
      target: path,
      host: options.host ?? "localhost",
      headers: options.header.map(headerOf),
      body: undefined,
      principal: principalOf(token, effective.identities),
      sourceAddress: sourceOf(options.sourceIp),
    },
    nowMs,
  );
  const { verdict } = judgement;
  const rules = call === undefined ? [] : judge.policy.gates.flatMap((gate) => answersOf(gate, call, nowMs));
  const { status } = factsOf(verdict.reason);
  const { mode } = effective;
  await writeResult(shell, options.output, {
    kind: "AccessReview",
    body: {
      workload: printId(effective.workload.id),
      mode,
      allowed: verdict.kind === "allow",
      verdict: verdict.kind,
      status,
      reason: verdict.reason,
      evidence: verdict.evidence,
      rules,
    },
    text: () => {
      const heading = `${verdict.kind === "allow" ? "yes" : "no"}: ${explainVerdict(verdict)}\n`;
      const lines = rules.map(
        (one) => `  ${one.effect} ${one.rule} of ${one.policy} (${one.operation}): ${one.answer}\n`,
      );
      const acted = mode === "enforce" ? "" : `  the policy's mode is ${mode}: the request goes on all the same\n`;
      const change = verdict.kind === "allow" ? "" : `  would change it: ${adviceOf[verdict.reason]}\n`;
      const none = rules.length === 0 ? "  no rule matches this method and path\n" : "";
      return `${heading}${lines.join("")}${none}${acted}${change}`;
    },
    names: () => [verdict.kind],
  });
  return verdict.kind === "allow" ? exitCodes.fine : exitCodes.findings;
}

function tokenOf(
  principal: string,
  claims: string | undefined,
  { identities }: EffectivePolicy,
): DescribedToken | undefined {
  if (principal === "anonymous") {
    if (claims === undefined) return undefined;
    throw new CommandError("PKT0901", "an anonymous caller has no claims", "name a principal, such as u-1");
  }
  if (identities.length === 0) {
    const fix = "call as anonymous, or name an ApiIdentity in identityRefs";
    throw new CommandError("PKT0901", "the workload has no identity that could prove a principal", fix);
  }
  const given = claims === undefined ? {} : parseClaims(claims);
  return { claims: { [identities[0]?.principalClaim ?? "sub"]: principal, ...given }, condition: "good" };
}

function parseClaims(text: string): Readonly<Record<string, ClaimValue>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, ClaimValue>;
  } catch {
    // Told below, in one way for all that is no object.
  }
  throw new CommandError("PKT0901", "--claims is not a JSON object", `write --claims '{"scope":"accounts:read"}'`);
}

function headerOf(written: string): readonly [string, string] {
  const colon = written.indexOf(":");
  if (colon > 0) return [written.slice(0, colon).trim(), written.slice(colon + 1).trim()];
  throw new CommandError("PKT0901", `${JSON.stringify(written)} is not a header`, "write --header 'x-channel: app'");
}

function sourceOf(written: string | undefined): string {
  const address = parseAddress(written ?? "127.0.0.1");
  if (address !== undefined) return address;
  throw new CommandError("PKT0901", `${JSON.stringify(written)} is not an IP address`, "write --source-ip 203.0.113.9");
}

/** Asks each rule of a gate that matches the request, in the order Deny, Allow. */
function answersOf(gate: CompiledGate, call: Call, nowMs: number): readonly RuleAnswer[] {
  const { request } = call;
  const found: RuleAnswer[] = [];
  const look = (
    tree: CompiledGate["allowTree"] | undefined,
    entries: readonly CompiledEntry[],
    effect: "allow" | "deny",
  ) => {
    if (tree === undefined) return;
    const matches = createMatches([tree]);
    findOperations(tree, request, request.method, matches);
    for (let i = 0; i < matches.count; i++) {
      const entry = entries[matches.indexes[i] ?? -1];
      if (entry === undefined) continue;
      const { policy = "", rule = "", operation = "" } = entry.evidence;
      found.push({ policy, rule, effect, operation, answer: answerOf(entry, effect, call, nowMs) });
    }
  };
  look(gate.denyTree, gate.denyEntries, "deny");
  look(gate.allowTree, gate.allowEntries, "allow");
  return found;
}

function answerOf(entry: CompiledEntry, effect: "allow" | "deny", call: Call, nowMs: number): string {
  const unmet = effect === "allow" ? entry.demands(call) : undefined;
  if (unmet !== undefined) return "detail" in unmet ? `${unmet.kind} not met: ${unmet.detail}` : `no ${unmet.kind}`;
  const holds = entry.when === undefined ? true : entry.when(contextOf(entry, call, nowMs));
  if (holds === undefined) return `its condition cannot be evaluated${effect === "deny" ? ", so it applies" : ""}`;
  if (!holds) return "its condition does not hold";
  if (effect === "allow" && entry.level > 0 && !meetsLevel(call.principal, entry.level)) {
    return `authentication level ${entry.level} not met`;
  }
  return "applies";
}

function contextOf({ template }: CompiledEntry, call: Call, nowMs: number): WhenContext {
  return {
    call,
    nowMs,
    parameter(name) {
      const segment = parameterOf(template, name);
      const { path, segmentStarts, segmentEnds, segmentCount } = call.request;
      if (segment < 0 || segment >= segmentCount) return undefined;
      return decodeSegment(path, segmentStarts[segment] ?? 0, segmentEnds[segment] ?? 0);
    },
  };
}
