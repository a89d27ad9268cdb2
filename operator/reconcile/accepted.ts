import type { EpochMs } from "../../core/limits/time.ts";
import type { ObjectId } from "../../core/policy/policy.ts";

/** The last good form of an object: the text that held it. Kept so that a restart does not lose it. */
export interface AcceptedObject {
  readonly id: ObjectId;
  readonly file: string;
  readonly text: string;
  /** Since when the source holds no good form of it. */
  readonly badSinceMs?: EpochMs | undefined;
}

/** What the operator remembers across restarts. Everything else is made anew from the source. */
export interface Memory {
  readonly accepted: ReadonlyMap<string, AcceptedObject>;
  /** Workloads that have been served: a new bad object does not close them, it only does not count. */
  readonly opened: ReadonlySet<string>;
}

export const emptyMemory: Memory = { accepted: new Map(), opened: new Set() };

/** Whether two memories hold the same. Objects that stayed are the same ones, so this costs next to nothing. */
export function isSameMemory(one: Memory, other: Memory): boolean {
  if (one.accepted.size !== other.accepted.size || one.opened.size !== other.opened.size) return false;
  for (const [key, object] of one.accepted) {
    const twin = other.accepted.get(key);
    if (twin === object) continue;
    if (twin?.text !== object.text || twin.file !== object.file || twin.badSinceMs !== object.badSinceMs) return false;
  }
  for (const name of one.opened) if (!other.opened.has(name)) return false;
  return true;
}

const formatVersion = 1;

/** One key per object: kind, namespace and name. */
export function keyOf(id: ObjectId): string {
  return `${id.kind}/${id.namespace}/${id.name}`;
}

/** The memory as text. Each source text is written once, however many objects it holds. */
export function printMemory(memory: Memory): string {
  const texts = [...new Set([...memory.accepted.values()].map(({ text }) => text))];
  const indexes = new Map(texts.map((text, index) => [text, index]));
  const objects = [...memory.accepted.values()].map(({ id, file, text, badSinceMs }) => ({
    kind: id.kind,
    namespace: id.namespace,
    name: id.name,
    file,
    text: indexes.get(text),
    badSinceMs,
  }));
  return `${JSON.stringify({ version: formatVersion, texts, objects, opened: [...memory.opened] })}\n`;
}

/** Reads what `printMemory` wrote; undefined for anything else, which is then as if there were no memory. */
export function parseMemory(text: string): Memory | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.version !== formatVersion) return undefined;
  const { texts, objects, opened } = value;
  if (!isTextList(texts) || !Array.isArray(objects) || !isTextList(opened)) return undefined;
  const accepted = new Map<string, AcceptedObject>();
  for (const object of objects as unknown[]) {
    if (!isRecord(object)) return undefined;
    const { kind, namespace, name, file, text: index, badSinceMs } = object;
    const source = typeof index === "number" ? texts[index] : undefined;
    if (typeof kind !== "string" || typeof namespace !== "string" || typeof name !== "string") return undefined;
    if (typeof file !== "string" || source === undefined) return undefined;
    const id = { kind, namespace, name };
    accepted.set(keyOf(id), {
      id,
      file,
      text: source,
      ...(typeof badSinceMs === "number" ? { badSinceMs } : {}),
    });
  }
  return { accepted, opened: new Set(opened) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
