import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { EpochMs } from "../../core/limits/time.ts";

/** What is handed in to be served. The version is a content hash: equal content is never sent twice. */
export interface PublishedResource {
  readonly name: string;
  readonly typeUrl: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

/** A resource with its wire form, encoded once for all clients. */
export interface ServedResource {
  readonly name: string;
  readonly version: string;
  /**
   * `envoy.service.discovery.v3.Resource`, ready to be put into any response: what comes before the bytes that were
   * handed in, and these, which are not copied.
   */
  readonly entry: { readonly head: Uint8Array; readonly bytes: Uint8Array; readonly length: number };
  /** When this version was first published. */
  readonly publishedMs: EpochMs;
}

/** Everything that one group of clients may see: type URL, then name. Immutable; replaced whole. */
export type ResourceSet = ReadonlyMap<string, ReadonlyMap<string, ServedResource>>;

/** A type that a group may ask for and of which nothing exists yet still has its (empty) answer. */
export function resourceSet(
  types: readonly string[],
  resources: readonly PublishedResource[],
  previous: ResourceSet,
  nowMs: EpochMs,
): ResourceSet {
  const set = new Map<string, Map<string, ServedResource>>(types.map((type) => [type, new Map()]));
  for (const resource of resources) {
    const held = previous.get(resource.typeUrl)?.get(resource.name);
    const served = held?.version === resource.version ? held : serve(resource, nowMs);
    set.get(resource.typeUrl)?.set(resource.name, served);
  }
  // A type without a change keeps its map, so that streams see at a glance that there is nothing to do.
  return new Map([...set].map(([type, now]) => [type, keepEqual(previous.get(type), now)]));
}

function keepEqual(
  before: ReadonlyMap<string, ServedResource> | undefined,
  now: ReadonlyMap<string, ServedResource>,
): ReadonlyMap<string, ServedResource> {
  if (before === undefined || before.size !== now.size) return now;
  for (const [name, resource] of now) if (before.get(name) !== resource) return now;
  return before;
}

function serve(resource: PublishedResource, publishedMs: EpochMs): ServedResource {
  const { name, version, typeUrl, bytes } = resource;
  // Field numbers: discovery.proto and any.proto. The message with the bytes comes last.
  const any = new BinaryWriter().uint32((1 << 3) | 2).string(typeUrl);
  const value = any
    .uint32((2 << 3) | 2)
    .uint32(bytes.length)
    .finish();
  const head = new BinaryWriter()
    .uint32((1 << 3) | 2)
    .string(version)
    .uint32((3 << 3) | 2)
    .string(name)
    .uint32((2 << 3) | 2)
    .uint32(value.length + bytes.length)
    .raw(value)
    .finish();
  return { name, version, entry: { head, bytes, length: head.length + bytes.length }, publishedMs };
}

export interface DeltaAnswer {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly ServedResource[];
  readonly removed: readonly string[];
}

/** A DeltaDiscoveryResponse out of entries that are encoded already. Field numbers: discovery.proto. */
export function encodeAnswer(answer: DeltaAnswer): Uint8Array {
  const writer = new BinaryWriter();
  for (const { entry } of answer.resources) {
    writer
      .uint32((2 << 3) | 2)
      .uint32(entry.length)
      .raw(entry.head)
      .raw(entry.bytes);
  }
  writer.uint32((4 << 3) | 2).string(answer.typeUrl);
  writer.uint32((5 << 3) | 2).string(answer.nonce);
  for (const name of answer.removed) writer.uint32((6 << 3) | 2).string(name);
  return writer.finish();
}
