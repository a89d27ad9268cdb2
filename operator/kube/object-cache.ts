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

/** A whole list on its way. */
export interface Replacement {
  add(objects: readonly KubeObject[]): void;
  /** Forgets what was added. */
  clear(): void;
  /** Puts the list in place of everything, so that what is not in it is gone. Tells whether anything differs. */
  complete(): boolean;
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

  /** Begins a whole list beside what is known; nobody sees it before it is complete. */
  replacement(): Replacement {
    let next = new Map<string, Entry<T>>();
    return {
      add: (objects) => {
        for (const object of objects) {
          const key = keyOf(object);
          const known = this.#entries.get(key);
          const entry = isSame(known, object) ? known : this.#make(key, object, known);
          if (entry !== undefined) next.set(key, entry);
        }
      },
      clear: () => {
        next = new Map();
      },
      complete: () => this.#replace(next),
    };
  }

  #replace(next: Map<string, Entry<T>>): boolean {
    const differs =
      next.size !== this.#entries.size || [...next].some(([key, entry]) => this.#entries.get(key) !== entry);
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
