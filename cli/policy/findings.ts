import { parseTemplate, type Template } from "../../core/catalog/template.ts";
import { effectivePolicies } from "../../core/policy/effective.ts";
import type { Workload } from "../../core/policy/identity.ts";
import { printId, type OperationMatch, type Policy, type Rule } from "../../core/policy/policy.ts";
import type { LoadedObjects } from "../offline/load.ts";
import { findingCodes, type Finding, type FindingCode } from "./finding.ts";

/** Words in a path that should make a reader look twice. */
const sensitiveWords = ["admin", "internal", "debug", "actuator", "metrics", "config", "private", "backup", "console"];

/** Everything that people should look at in valid policies, in the order of files and lines. */
export function findFindings(objects: LoadedObjects): readonly Finding[] {
  const found = [
    ...objects.policies.flatMap((policy) => findingsOf(policy, objects)),
    ...mergedFindings(objects),
    ...listenFindings(objects.workloads),
  ];
  return found.toSorted((a, b) => compareText(a.file, b.file) || a.line - b.line || compareText(a.code, b.code));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

type Add = (code: FindingCode, field: string, message: string, fix: string) => Finding;

function adder(policy: Policy): Add {
  return (code, field, message, fix) => ({
    code,
    severity: findingCodes[code].severity,
    file: policy.origin.file,
    line: policy.lines.get(field) ?? policy.origin.line,
    subject: `${printId(policy.id)} ${field}`,
    message,
    fix,
  });
}

function findingsOf(policy: Policy, objects: LoadedObjects): readonly Finding[] {
  const add = adder(policy);
  const { access, strategy, mode, failure } = policy;
  const rules = access?.rules ?? [];
  const found = rules.flatMap((rule) => [
    ...ruleFindings(rule, rules, add),
    ...colonFindings(rule.match, `access.rules[${rule.name}]`, add),
  ]);
  if (access?.default === "allow" && strategy === "default") {
    const message = "what no rule matches is allowed; a path that nobody thought of is open";
    found.push(add("PKT0301", "access.default", message, "write default: Deny and name what is allowed"));
  }
  if (
    access !== undefined &&
    strategy === "default" &&
    access.default !== "allow" &&
    rules.every(({ effect }) => effect === "deny")
  ) {
    const message = "nothing is allowed, so every request is refused unless a more general policy has rules";
    found.push(add("PKT0306", "access", message, "add an Allow rule"));
  }
  if (failure?.decision === "allow") {
    const message = "while Picket cannot decide, everybody is let in";
    found.push(add("PKT0311", "failure.decision", message, "write decision: Deny"));
  }
  if (mode === "observe" || (mode === undefined && strategy === "default")) {
    const message =
      mode === undefined
        ? "no mode is written; Observe holds unless another policy says more"
        : "mode Observe judges nothing";
    found.push(add("PKT0312", "mode", message, "write mode: Shadow to judge, mode: Enforce to refuse"));
  }
  for (const limit of policy.limits ?? []) {
    found.push(...colonFindings(limit.match, `limits[${limit.name}]`, add));
    const isBySource = limit.key.some(({ kind }) => kind === "sourceAddress" || kind === "sourceNetwork");
    if (!isBySource || objects.config !== undefined) continue;
    const message = `the limit ${limit.name} counts by source, and no PicketConfig says how many proxies stand in front`;
    const fix = "add a PicketConfig named default with clientAddress: {trustedHops: 0} or more";
    found.push(add("PKT0307", `limits[${limit.name}]`, message, fix));
  }
  return found;
}

function ruleFindings(rule: Rule, rules: readonly Rule[], add: Add): readonly Finding[] {
  if (rule.effect === "deny") return denyFindings(rule, rules, add);
  const field = `access.rules[${rule.name}]`;
  const found: Finding[] = [];
  const isOpen = !rule.require.authenticated && rule.when === undefined;
  for (const { path } of isOpen ? rule.match : []) {
    const word = sensitiveWords.find((one) =>
      path
        .toLowerCase()
        .split(/[^a-z]+/)
        .includes(one),
    );
    if (word !== undefined) {
      const message = `${path} looks sensitive (${word}) and the rule lets anybody in`;
      found.push(add("PKT0305", field, message, "add require, or rename the rule's path if it is meant to be public"));
    } else if (path === "/**") {
      const message = "the rule lets anybody do anything that no Deny rule names";
      found.push(add("PKT0313", field, message, "name the paths that are public, or add require"));
    }
  }
  const denier = rules.find(
    (other) => other.effect === "deny" && other.when === undefined && coversAll(other, rule, true),
  );
  if (denier !== undefined) {
    const message = `${denier.name} refuses everything that ${rule.name} would allow`;
    found.push(add("PKT0303", field, message, "remove one of the two, or narrow the Deny rule"));
  }
  const opener = rules.find(
    (other) => other !== rule && other.effect === "allow" && demandsNothing(other) && coversAll(other, rule, false),
  );
  if (opener !== undefined && !demandsNothing(rule)) {
    const message = `${opener.name} allows the same requests without any demand, so what ${rule.name} requires is never needed`;
    found.push(add("PKT0304", field, message, `narrow ${opener.name}, or remove ${rule.name}`));
  }
  return found;
}

/** Other tools write parameters as `:user`; here that is a plain segment, which no request has. */
function colonFindings(match: readonly OperationMatch[], field: string, add: Add): readonly Finding[] {
  return match.flatMap(({ path }) => {
    const segment = path.split("/").find((one) => one.startsWith(":"));
    if (segment === undefined) return [];
    const name = segment.slice(1).replaceAll(/[^A-Za-z0-9_]/g, "");
    const message = `${path} matches ${segment} letter by letter`;
    const meant = name === "" ? "a parameter in braces" : `{${name}}`;
    return [add("PKT0316", field, message, `did you mean ${meant}? It matches any one segment`)];
  });
}

function demandsNothing({ require, when }: Rule): boolean {
  return !require.authenticated && when === undefined;
}

/** A Deny rule inside what an Allow rule opens: right, and worth knowing how wide it matches. */
function denyFindings(rule: Rule, rules: readonly Rule[], add: Add): readonly Finding[] {
  const opener = rules.find((other) => other.effect === "allow" && coversAll(other, rule, false));
  if (opener === undefined) return [];
  const letters = rule.match.some(({ path }) => /[A-Za-z]/.test(path.replaceAll(/\{[^}]*\}/g, "")));
  const wide = letters ? "; it matches in any letter case, and with dots or blanks after a segment" : "";
  const message = `takes a part out of ${opener.name}${wide}. What an application decodes in yet another way stays open`;
  const field = `access.rules[${rule.name}]`;
  return [add("PKT0302", field, message, "prefer Allow rules for what is open, and access.default: Deny for the rest")];
}

/** Whether every operation of `inner` is one of `outer`. */
function coversAll(outer: Rule, inner: Rule, isFolded: boolean): boolean {
  return inner.match.every((one) => outer.match.some((other) => covers(other, one, isFolded)));
}

function covers(outer: OperationMatch, inner: OperationMatch, isFolded: boolean): boolean {
  const allMethods =
    outer.methods.length === 0 ||
    (inner.methods.length > 0 && inner.methods.every((one) => outer.methods.includes(one)));
  if (!allMethods) return false;
  const wide = parseTemplate(outer.path);
  const narrow = parseTemplate(inner.path);
  return wide.kind === "template" && narrow.kind === "template" && coversPath(wide, narrow, isFolded);
}

function coversPath(wide: Template, narrow: Template, isFolded: boolean): boolean {
  if (!wide.rest && (narrow.rest || wide.segments.length !== narrow.segments.length)) return false;
  if (wide.segments.length > narrow.segments.length) return false;
  return wide.segments.every((segment, index) => {
    const other = narrow.segments[index];
    if (other === undefined) return false;
    if (segment.kind === "parameter") {
      return segment.type === "text" || (other.kind === "parameter" && other.type === segment.type);
    }
    if (other.kind !== "literal") return false;
    return isFolded ? segment.text.toLowerCase() === other.text.toLowerCase() : segment.text === other.text;
  });
}

/** What shows only when the policies are merged. */
function mergedFindings(objects: LoadedObjects): readonly Finding[] {
  const { effective, conflicts, unresolved } = effectivePolicies(objects);
  const policyOf = new Map(objects.policies.map((policy) => [printId(policy.id), policy]));
  const found: Finding[] = [];
  for (const { policy: name, winner } of conflicts) {
    const policy = policyOf.get(name);
    if (policy === undefined) continue;
    const message = `${winner} speaks about the same workloads and is older, or first by name; this policy does not take part`;
    found.push(adder(policy)("PKT0310", "targetRefs", message, "merge the two, or narrow the targets"));
  }
  // Whoever is told that an identity is missing need not be told that nobody can prove a token.
  const withoutIdentity = new Set<string>();
  for (const { policy: name, message } of unresolved) {
    if (message.startsWith("identityRefs")) withoutIdentity.add(name);
    const policy = policyOf.get(name);
    // A folder for a cluster holds no Workload objects; then targets cannot be missing.
    if (policy === undefined || (objects.workloads.length === 0 && message.startsWith("no workload"))) continue;
    if (isThereBroken(policy, message, objects)) continue;
    const field = message.startsWith("identityRefs") ? "identityRefs" : "targetRefs";
    found.push(adder(policy)("PKT0309", field, message, "add the object, or mend the name"));
  }
  const told = new Set<string>();
  for (const { workload, gates, identities, sources } of effective) {
    if (sources.length === 0) {
      if (!mayHaveBrokenPolicy(objects)) found.push(withoutPolicy(workload));
      continue;
    }
    if (sources.some(({ id }) => withoutIdentity.has(printId(id)))) continue;
    for (const rule of identities.length > 0 ? [] : gates.flatMap((gate) => gate.rules)) {
      const policy = policyOf.get(rule.policy);
      const key = `${rule.policy} ${rule.name}`;
      if (policy === undefined || policy.strategy === "floor" || !rule.require.authenticated || told.has(key)) continue;
      told.add(key);
      const message = `${rule.name} demands a token, and no identity could prove one`;
      const field = `access.rules[${rule.name}]`;
      found.push(adder(policy)("PKT0308", field, message, "write identityRefs: [{name: …}]"));
    }
  }
  return found;
}

/** Whether what a policy does not find may be there, in a file that is told to be bad already. */
function isThereBroken({ id, target }: Policy, message: string, { broken, isPartial }: LoadedObjects): boolean {
  const near = broken.filter(({ namespace }) => namespace === "" || namespace === id.namespace);
  if (message.startsWith("identityRefs")) {
    return isPartial || near.some(({ kind, name }) => kind.endsWith("Identity") && message.includes(` ${name},`));
  }
  if (!message.startsWith("no workload") || target.kind !== "workloads") return false;
  return isPartial || near.some((id) => id.kind === "Workload" && target.refs.some(({ name }) => name === id.name));
}

function mayHaveBrokenPolicy({ broken, isPartial }: LoadedObjects): boolean {
  return isPartial || broken.some(({ kind }) => kind.endsWith("Policy"));
}

function withoutPolicy(workload: Workload): Finding {
  const message = "no policy speaks about this workload, so all of its requests pass unjudged";
  return aboutWorkload("PKT0314", workload, "metadata.name", message, "add an ApiPolicy that names it in targetRefs");
}

/** Workloads that cannot both be served: the later one of each pair. */
function listenFindings(workloads: readonly Workload[]): readonly Finding[] {
  return workloads.flatMap((workload, index) => {
    const { host, port } = workload.listen;
    const first = workloads.slice(0, index).find(({ listen }) => listen.port === port && isSameHost(listen.host, host));
    if (first === undefined) return [];
    const message = `${host}:${port} overlaps with ${first.listen.host}:${port} of ${printId(first.id)}`;
    return [aboutWorkload("PKT0315", workload, "spec.listen", message, "give one of the two another port")];
  });
}

/** Whether two listeners on one port of these hosts are in each other's way. */
function isSameHost(one: string, other: string): boolean {
  const everywhere = ["0.0.0.0", "::"];
  return one === other || everywhere.includes(one) || everywhere.includes(other);
}

function aboutWorkload(code: FindingCode, workload: Workload, field: string, message: string, fix: string): Finding {
  const { id, origin } = workload;
  const { file, line } = origin;
  return { code, severity: findingCodes[code].severity, file, line, subject: `${printId(id)} ${field}`, message, fix };
}
