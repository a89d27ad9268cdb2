import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzip } from "node:zlib";
import type { Log } from "../../platform/log.ts";
import { apply } from "../kube/apply.ts";
import { isRecord } from "../kube/object.ts";
import { KubeError, type KubeTransport } from "../kube/transport.ts";
import { emptyMemory, parseMemory, type Memory } from "./accepted.ts";

/** Bytes of one part. etcd takes 1.5 MiB for an object, and base64 makes a third more of them. */
export const partBytesMax = 700_000;

/** Parts that are written; a memory that needs more is not kept over a restart, and it is said. */
export const partsMax = 32;

/** Bytes that a memory may unpack to. */
const unpackedBytesMax = 256 << 20;

/** Least time between two writes: what is remembered between them is remembered by whoever runs. */
export const saveMs = 2_000;

/** How often parts that do not hold together are read anew, and how long after. */
const loadTriesMax = 3;
const loadAgainMs = 500;

/** The object that says which parts hold together. It is written last, so that readers never see half of a memory. */
export const memoryName = "picket-accepted";

const pack = promisify(gzip);

type Slot = "a" | "b";

interface Pointer {
  readonly slot: Slot;
  readonly parts: number;
  readonly digest: string;
}

export interface ClusterMemoryOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly isLeader: () => boolean;
  readonly log: Log;
  /** Name of its objects; without it the one of the last good generations. */
  readonly name?: string;
  /** What it holds, for the log. */
  readonly holds?: string;
}

/**
 * A text in ConfigMaps of the operator's own namespace, so that a restart forgets nothing of it: the last good form of
 * every object, and the keys of issuers. Read by every replica at its start, written by the leader alone.
 */
export class ClusterMemory {
  readonly #options: ClusterMemoryOptions;
  #wanted: string | (() => string) | undefined;
  /** What was written last, and the digest of its text. */
  #written: string | (() => string) | undefined;
  #writtenDigest = "";
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isStopped = false;

  constructor(options: ClusterMemoryOptions) {
    this.#options = options;
  }

  /** What was remembered; an empty memory when there is none or it does not hold together. Rejects with a KubeError. */
  async load(): Promise<Memory> {
    const text = await this.loadText();
    if (text === undefined) return emptyMemory;
    const memory = parseMemory(text);
    if (memory === undefined) this.#lost("it has a form that this version does not read");
    return memory ?? emptyMemory;
  }

  /** The same as it was written; undefined when there is none. */
  async loadText(): Promise<string | undefined> {
    for (let tries = 1; ; tries++) {
      const pointer = readPointer(await this.#get(this.#name));
      if (pointer === undefined) return undefined;
      const packed = await this.#packed(pointer);
      if (digestOf(packed) === pointer.digest) return this.#unpack(packed);
      // Whoever leads may have written while this was read.
      if (tries >= loadTriesMax) return this.#lost("its parts do not hold together");
      await sleep(loadAgainMs);
    }
  }

  async #packed(pointer: Pointer): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let part = 0; part < pointer.parts; part++) {
      const object = await this.#get(this.#partName(pointer.slot, part));
      const data = isRecord(object) && isRecord(object["binaryData"]) ? object["binaryData"]["part"] : undefined;
      if (typeof data === "string") parts.push(Buffer.from(data, "base64"));
    }
    return Buffer.concat(parts);
  }

  #unpack(packed: Buffer): string | undefined {
    try {
      const text = gunzipSync(packed, { maxOutputLength: unpackedBytesMax }).toString("utf8");
      this.#writtenDigest = digestOf(text);
      return text;
    } catch {
      return this.#lost("it does not unpack");
    }
  }

  /** Keeps a text soon. It is made only when it is written: between two writes there may be many changes. */
  save(text: string | (() => string)): void {
    this.#wanted = text;
    this.#later(saveMs);
  }

  /** To be called when this replica begins to lead: what the one before did not write is written now. */
  lead(): void {
    // What was read at the start may have been written over since.
    this.#writtenDigest = "";
    this.#written = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#later(0);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #later(waitMs: number): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#write();
    }, waitMs);
  }

  async #write(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === undefined || wanted === this.#written || this.#isWriting || !this.#options.isLeader()) return;
    this.#isWriting = true;
    try {
      const text = typeof wanted === "string" ? wanted : wanted();
      const digest = digestOf(text);
      if (digest !== this.#writtenDigest) await this.#writeParts(text);
      this.#writtenDigest = digest;
      this.#written = wanted;
    } catch (error) {
      this.#options.log.warn(`${this.#holds} cannot be kept; it is tried again`, { error });
    } finally {
      this.#isWriting = false;
      if (this.#wanted !== this.#written) this.#later(saveMs);
    }
  }

  async #writeParts(text: string): Promise<void> {
    const packed = await pack(text);
    const count = Math.ceil(packed.length / partBytesMax);
    if (count > partsMax)
      throw new RangeError(`they take ${packed.length} bytes, more than ${partBytesMax * partsMax}`);
    // The parts that the pointer names now, whoever wrote it, are the ones that must stay whole.
    const standing = readPointer(await this.#get(this.#name));
    const slot: Slot = standing?.slot === "a" ? "b" : "a";
    for (let part = 0; part < count; part++) {
      const bytes = packed.subarray(part * partBytesMax, (part + 1) * partBytesMax);
      await this.#put(this.#partName(slot, part), { binaryData: { part: bytes.toString("base64") } });
    }
    const pointer: Pointer = { slot, parts: count, digest: digestOf(packed) };
    await this.#put(this.#name, { data: { pointer: JSON.stringify(pointer) } });
  }

  async #put(name: string, content: Readonly<Record<string, unknown>>): Promise<void> {
    const { transport, namespace } = this.#options;
    const metadata = { name, namespace, labels: { "app.kubernetes.io/part-of": "picket" } };
    await apply(
      transport,
      { apiVersion: "v1", kind: "ConfigMap", metadata, ...content },
      { fieldManager: "picket-operator", force: true },
    );
  }

  async #get(name: string): Promise<unknown> {
    const { transport, namespace } = this.#options;
    try {
      return await transport.request({ method: "GET", path: `/api/v1/namespaces/${namespace}/configmaps/${name}` });
    } catch (error) {
      if (error instanceof KubeError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  #lost(why: string): undefined {
    this.#options.log.error(`${this.#holds} of before are lost`, { why });
  }

  get #name(): string {
    return this.#options.name ?? memoryName;
  }

  get #holds(): string {
    return this.#options.holds ?? "the last good generations";
  }

  #partName(slot: Slot, part: number): string {
    return `${this.#name}-${slot}-${part}`;
  }
}

function digestOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function readPointer(object: unknown): Pointer | undefined {
  const text = isRecord(object) && isRecord(object["data"]) ? object["data"]["pointer"] : undefined;
  if (typeof text !== "string") return undefined;
  try {
    const pointer: unknown = JSON.parse(text);
    if (!isRecord(pointer)) return undefined;
    const { slot, parts, digest } = pointer;
    const isWhole =
      (slot === "a" || slot === "b") &&
      typeof parts === "number" &&
      parts >= 0 &&
      parts <= partsMax &&
      typeof digest === "string";
    return isWhole ? { slot, parts, digest } : undefined;
  } catch {
    return undefined;
  }
}
