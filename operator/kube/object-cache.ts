import { keyOf, type KubeObject } from "./object.ts";

interface Entry<T> {
  readonly uid: string;
  readonly version: string;
  /** Undefined: the object is of no interest. */
  readonly value: T | undefined;
}

export interface CacheOptions<T> {
  readonly transform: (object: KubeObject) => T | undefined;
  readonly faulted: (key: string, error: unknown) => void;
}

/** What a reflector knows: transformed objects by key. Readers get snapshots that never change. */
export class ObjectCache<T> {
  readonly #options: CacheOptions<T>;
  #entries = new Map<string, Entry<T>>();
  #snapshot: ReadonlyMap<string, T> | undefined;

  constructor(options: CacheOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  snapshot(): ReadonlyMap<string, T> {
    if (this.#snapshot === undefined) {
      const made = new Map<string, T>();
      for (const [key, { value }] of this.#entries) if (value !== undefined) made.set(key, value);
      this.#snapshot = made;
    }
    return this.#snapshot;
  }

  /** Puts a whole list in place of everything. Tells whether anything differs. */
  replace(objects: readonly KubeObject[]): boolean {
    const next = new Map<string, Entry<T>>();
    let differs = false;
    for (const object of objects) {
      const key = keyOf(object);
      const known = this.#entries.get(key);
      const entry = isSame(known, object) ? known : this.#make(key, object, known);
      if (entry === undefined) continue;
      if (entry !== known) differs = true;
      next.set(key, entry);
    }
    for (const key of this.#entries.keys()) if (!next.has(key)) differs = true;
    this.#entries = next;
    if (differs) this.#snapshot = undefined;
    return differs;
  }

  /** An object came or changed. Tells whether anything differs. */
  put(object: KubeObject): boolean {
    const key = keyOf(object);
    const known = this.#entries.get(key);
    if (isSame(known, object)) return false;
    const entry = this.#make(key, object, known);
    if (entry === undefined || entry === known) return false;
    this.#entries.set(key, entry);
    this.#snapshot = undefined;
    return entry.value !== known?.value;
  }

  remove(object: KubeObject): boolean {
    if (!this.#entries.delete(keyOf(object))) return false;
    this.#snapshot = undefined;
    return true;
  }

  /** A fault of ours in one object keeps what was known of that object; another one of its name is not the same. */
  #make(key: string, object: KubeObject, known: Entry<T> | undefined): Entry<T> | undefined {
    const { uid, resourceVersion: version } = object.metadata;
    try {
      return { uid, version, value: this.#options.transform(object) };
    } catch (error) {
      this.#options.faulted(key, error);
      return known?.uid === uid ? known : undefined;
    }
  }
}

function isSame<T>(known: Entry<T> | undefined, { metadata }: KubeObject): boolean {
  return known?.uid === metadata.uid && known.version === metadata.resourceVersion;
}
