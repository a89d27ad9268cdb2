import { hash, timingSafeEqual } from "node:crypto";

/** Longest key that is looked at; a true one has 43 characters. */
export const proxyKeyBytesMax = 128;

/**
 * Tells the proxies of a workload from everybody else who can reach the scorer, by a key that only their configuration
 * holds. The policy carries its SHA-256; a key that proved itself is kept, so that the next Check costs no hash.
 */
export class ProxyProof {
  readonly #digests: readonly Uint8Array[];
  readonly #proven: (Uint8Array | undefined)[];

  /** SHA-256 of the keys that are good; without one every key is. */
  constructor(digests: readonly Uint8Array[]) {
    this.#digests = digests;
    this.#proven = digests.map(() => undefined);
  }

  get isDemanded(): boolean {
    return this.#digests.length > 0;
  }

  /** Whether `bytes[start, end)` is a good key. Takes as long wherever a wrong one differs. */
  proves(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.isDemanded) return true;
    if (end <= start || end - start > proxyKeyBytesMax) return false;
    for (const proven of this.#proven) if (proven !== undefined && isEqual(proven, bytes, start, end)) return true;
    const key = bytes.slice(start, end);
    const digest = hash("sha256", key, "buffer");
    const index = this.#digests.findIndex((good) => timingSafeEqual(good, digest));
    if (index < 0) return false;
    this.#proven[index] = key;
    return true;
  }
}

function isEqual(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  let difference = 0;
  for (let i = 0; i < key.length; i++) difference |= key[i]! ^ bytes[start + i]!;
  return difference === 0;
}
