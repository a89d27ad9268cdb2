import type { EpochMs } from "../../core/limits/time.ts";
import { identityKinds, type InForce } from "./in-force.ts";
import type { ObjectId } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { nobody, printObject } from "../provider/aim.ts";
import type {
  Aim,
  ReadObject,
  ReadText,
  SourceCluster,
  SourceObject,
  SourceSnapshot,
  SourceText,
} from "../provider/provider.ts";
import { keyOf, type AcceptedObject, type Memory } from "./accepted.ts";
import { generationOf, hashText } from "./generation.ts";
import { brokenReferences, losesMore, referableOf, type Referable } from "./references.ts";

/** What became of one object of the source. */
export interface SettledObject {
  readonly id: ObjectId;
  readonly file: string;
  readonly line: number;
  /**
   * accepted: what the source says is in force. kept: the source holds nothing good, its last good form is in force.
   * refused: there never was a good form.
   */
  readonly state: "accepted" | "kept" | "refused";
  /** Hash of what the source holds now, good or bad. */
  readonly observed: string;
  /** Hash of what is in force; empty when nothing is. */
  readonly generation: string;
  readonly problems: readonly ObjectProblem[];
  /** Present unless refused. */
  readonly object?: ReadObject | undefined;
  readonly badSinceMs?: EpochMs | undefined;
  /** `metadata.generation` of what the source holds, where it counts them. */
  readonly sourceGeneration?: number | undefined;
  /** What the policy in the source names and is not there. */
  readonly unresolved?: "TargetNotFound" | "IdentityNotFound" | undefined;
  /** Whom it means when it is refused. */
  readonly aim: Aim;
}

/** A part of the source in which no object can be named, and of which nothing good is remembered. */
export interface UnknownPart {
  readonly file: string;
  readonly problems: readonly ObjectProblem[];
  readonly aim: Aim;
}

export interface Settled {
  /** What the cluster says, where the source is one. */
  readonly cluster: SourceCluster | undefined;
  readonly objects: readonly SettledObject[];
  readonly unknown: readonly UnknownPart[];
  readonly inForce: InForce;
  readonly accepted: ReadonlyMap<string, AcceptedObject>;
  /** Every problem of the source, for people. */
  readonly problems: readonly ObjectProblem[];
}

interface Found {
  readonly source: SourceText;
  readonly object: SourceObject;
}

/**
 * Decides for each object what is in force: what the source says where that is good, else its last good form. Pure.
 * Invariant: a part that cannot be read never counts as deleted, and what is deleted is really gone.
 */
export function settle(snapshot: SourceSnapshot, memory: Memory, read: ReadText, nowMs: EpochMs): Settled {
  const found = new Map<string, Found[]>();
  for (const source of snapshot.texts) {
    for (const object of source.objects) {
      const key = keyOf(object.id);
      const places = found.get(key);
      if (places === undefined) found.set(key, [{ source, object }]);
      else places.push({ source, object });
    }
  }
  const rereadText = remembering(read);
  const settledOnes = [...found.values()].map((places) => settleOne(places, memory, rereadText, nowMs));
  const single = refuseTakenAddresses(settledOnes, memory, rereadText, nowMs);
  const referable = referableOf(gather(single, snapshot.cluster));
  const objects = single.map((object) => holdReferences(object, referable, memory, rereadText, nowMs));
  for (const before of memory.accepted.values()) {
    if (found.has(keyOf(before.id))) continue;
    // What an API server does not list is deleted; a folder may be in the middle of a change.
    if (snapshot.cluster !== undefined) continue;
    const problems = whyMissing(before, snapshot, memory) ?? whyMoved(before, objects);
    if (problems !== undefined) objects.push(...keep(before, problems, rereadText, nowMs));
  }
  const sorted = byKey(objects);
  const unknown = snapshot.texts.flatMap(({ file, unreadable }) =>
    unreadable.length === 0 || isRemembered(file, memory) ? [] : unreadable.map((part) => ({ file, ...part })),
  );
  return {
    cluster: snapshot.cluster,
    objects: sorted,
    unknown,
    inForce: gather(sorted, snapshot.cluster),
    accepted: remember(sorted, found, memory),
    problems: [
      ...snapshot.texts.flatMap((source) => source.unreadable.flatMap(({ problems }) => problems)),
      ...sorted.filter(({ id }) => found.has(keyOf(id))).flatMap(({ problems }) => problems),
    ],
  };
}

function settleOne(places: readonly Found[], memory: Memory, reread: ReadText, nowMs: EpochMs): SettledObject {
  const { source, object } = places[0]!;
  const { id, line } = object;
  const place = { id, file: source.file, line, sourceGeneration: source.generation };
  if (places.length === 1 && object.kind === "valid") {
    const generation = generationOf(object.object);
    return {
      ...place,
      state: "accepted",
      observed: generation,
      generation,
      problems: [],
      object: object.object,
      aim: nobody,
    };
  }
  const problems = places.length > 1 ? twice(places) : object.kind === "invalid" ? object.problems : [];
  const before = memory.accepted.get(keyOf(id));
  const observed = hashText(places.map((one) => one.source.text).join("\0"));
  const kept = before === undefined ? [] : keep(before, problems, reread, nowMs);
  if (kept[0] !== undefined) return { ...kept[0], ...place, observed };
  return { ...place, state: "refused", observed, generation: "", problems, aim: aimOf(places) };
}

/**
 * A policy that names something that is not there does not replace a form of it that loses less: the workload which it
 * protects until now would be open, or closed to everybody. Without such a form it takes part as far as it goes.
 */
function holdReferences(
  settled: SettledObject,
  referable: Referable,
  memory: Memory,
  reread: ReadText,
  nowMs: EpochMs,
): SettledObject {
  if (settled.state !== "accepted" || settled.object?.kind !== "policy") return settled;
  const broken = brokenReferences(settled.object.policy, referable);
  const problems = [...broken.targets, ...broken.identities];
  if (problems.length === 0) return settled;
  const unresolved = broken.targets.length > 0 ? "TargetNotFound" : "IdentityNotFound";
  const before = memory.accepted.get(keyOf(settled.id));
  const [kept] = before === undefined ? [] : keep(before, problems, reread, nowMs);
  if (kept?.object?.kind === "policy" && losesMore(broken, brokenReferences(kept.object.policy, referable))) {
    const { file, line, observed, sourceGeneration } = settled;
    return { ...kept, file, line, observed, sourceGeneration, unresolved };
  }
  return { ...settled, problems, unresolved };
}

/** Of several workloads with one address the one stays that was there before, else the first by name. */
function refuseTakenAddresses(
  objects: readonly SettledObject[],
  memory: Memory,
  reread: ReadText,
  nowMs: EpochMs,
): readonly SettledObject[] {
  const holders = new Map<string, SettledObject>();
  const refused = new Map<string, SettledObject>();
  const lastGoodOf = ({ id }: SettledObject, problems: readonly ObjectProblem[] = []): SettledObject | undefined => {
    const before = memory.accepted.get(keyOf(id));
    return before === undefined ? undefined : keep(before, problems, reread, nowMs)[0];
  };
  const heldBefore = (object: SettledObject): boolean => listenOf(lastGoodOf(object)) === listenOf(object);
  const workloads = byKey(objects.filter(({ object }) => object?.kind === "workload"));
  for (const object of [...workloads.filter(heldBefore), ...workloads.filter((one) => !heldBefore(one))]) {
    const address = listenOf(object)!;
    const holder = holders.get(address);
    if (holder === undefined) {
      holders.set(address, object);
      continue;
    }
    const { file, line, observed } = object;
    const message = `${printObject(holder.id)} in ${holder.file}:${holder.line} listens on ${address} already`;
    const fix = "give one of the two another listen address";
    const problems: readonly ObjectProblem[] = [{ code: "PKT0108", file, line, field: "spec.listen", message, fix }];
    const kept = lastGoodOf(object, problems);
    const keptAddress = listenOf(kept);
    if (kept !== undefined && keptAddress !== undefined && !holders.has(keptAddress)) {
      holders.set(keptAddress, kept);
      refused.set(keyOf(object.id), { ...kept, file, line, observed });
    } else {
      const nothing = { generation: "", object: undefined, aim: nobody };
      refused.set(keyOf(object.id), { ...object, ...nothing, state: "refused", problems });
    }
  }
  return objects.map((object) => refused.get(keyOf(object.id)) ?? object);
}

/** Keys are made once: there may be ten thousand objects, and sorting compares each many times. */
function byKey(objects: readonly SettledObject[]): readonly SettledObject[] {
  const keyed = objects.map((object) => ({ key: keyOf(object.id), object }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ object }) => object);
}

function listenOf(settled: SettledObject | undefined): string | undefined {
  if (settled?.object?.kind !== "workload") return undefined;
  const { host, port } = settled.object.workload.listen;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The last good form, unless this version cannot read it any more. */
function keep(
  before: AcceptedObject,
  problems: readonly ObjectProblem[],
  reread: ReadText,
  nowMs: EpochMs,
): readonly SettledObject[] {
  const key = keyOf(before.id);
  const object = reread(before.text, before.file).objects.find((one) => keyOf(one.id) === key);
  if (object?.kind !== "valid") return [];
  return [
    {
      id: before.id,
      file: before.file,
      line: object.line,
      state: "kept",
      observed: "",
      generation: generationOf(object.object),
      problems,
      object: object.object,
      badSinceMs: before.badSinceMs ?? nowMs,
      aim: nobody,
    },
  ];
}

/**
 * Why an object that was there is not: the problems of the part that may hold it, or undefined when it was deleted.
 * A file that was never good may be where it was moved to. Not so for an identity: to let it go is the safe side.
 */
function whyMissing(
  before: AcceptedObject,
  snapshot: SourceSnapshot,
  memory: Memory,
): readonly ObjectProblem[] | undefined {
  const own = snapshot.texts.find(({ file }) => file === before.file);
  if (own !== undefined && own.unreadable.length > 0) return own.unreadable.flatMap(({ problems }) => problems);
  if (identityKinds.has(before.id.kind)) return undefined;
  const strange = snapshot.texts.filter(({ file, unreadable }) => unreadable.length > 0 && !isRemembered(file, memory));
  const problems = strange.flatMap(({ unreadable }) => unreadable.flatMap((part) => part.problems));
  return problems.length > 0 ? problems : undefined;
}

/** A policy of that name in a namespace where it finds no workload was moved by mistake: the one before stays. */
function whyMoved(before: AcceptedObject, objects: readonly SettledObject[]): readonly ObjectProblem[] | undefined {
  const moved = objects.find(
    ({ id, unresolved }) => unresolved === "TargetNotFound" && id.kind === before.id.kind && id.name === before.id.name,
  );
  return moved?.problems;
}

function isRemembered(file: string, memory: Memory): boolean {
  for (const object of memory.accepted.values()) if (object.file === file) return true;
  return false;
}

function twice(places: readonly Found[]): readonly ObjectProblem[] {
  return places.map(({ source, object }, index) => {
    const other = places[index === 0 ? 1 : 0]!;
    return {
      code: "PKT0105",
      file: source.file,
      line: object.line,
      field: "metadata.name",
      message: `${printObject(object.id)} is also in ${other.source.file}:${other.object.line}`,
      fix: "take one of the two away, or give it another name",
    };
  });
}

function aimOf(places: readonly Found[]): Aim {
  const first = places[0]?.object;
  if (places.length === 1 && first?.kind === "invalid") return first.aim;
  const namespace = first?.id.namespace ?? "";
  return namespace === "" ? { kind: "everything" } : { kind: "namespaces", names: [namespace] };
}

function gather(objects: readonly SettledObject[], cluster: SourceCluster | undefined): InForce {
  const read = objects.flatMap(({ object }) => (object === undefined ? [] : [object]));
  return {
    policies: read.flatMap((one) => (one.kind === "policy" ? [one.policy] : [])),
    identities: read.flatMap((one) => (one.kind === "identity" ? [one.identity] : [])),
    workloads: [
      ...read.flatMap((one) => (one.kind === "workload" ? [one.workload] : [])),
      ...(cluster?.workloads ?? []),
    ],
    config: read.find((one) => one.kind === "config")?.config,
  };
}

function remember(
  objects: readonly SettledObject[],
  found: ReadonlyMap<string, readonly Found[]>,
  memory: Memory,
): ReadonlyMap<string, AcceptedObject> {
  const accepted = new Map<string, AcceptedObject>();
  for (const { id, state, badSinceMs } of objects) {
    const key = keyOf(id);
    const source = found.get(key)?.[0]?.source;
    const before = memory.accepted.get(key);
    if (state === "accepted" && source !== undefined) {
      const { file, text } = source;
      const isSame = before?.text === text && before.file === file && before.badSinceMs === undefined;
      accepted.set(key, isSame ? before : { id, file, text });
    } else if (state === "kept" && before !== undefined) accepted.set(key, { ...before, badSinceMs });
  }
  return accepted;
}

/** Several objects of one text are kept together: it is read once. */
function remembering(read: ReadText): ReadText {
  const known = new Map<string, SourceText>();
  return (text, file) => {
    const key = `${file}\0${text}`;
    const result = known.get(key) ?? read(text, file);
    known.set(key, result);
    return result;
  };
}
