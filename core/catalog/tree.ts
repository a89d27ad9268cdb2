import { methods, type Method } from "../policy/policy.ts";
import { foldLiteral, hashExact, hashFolded } from "./fold.ts";
import type { Template } from "./template.ts";

/** Entries one tree may hold. A policy's own bounds are far lower; more is a bug of the caller and throws. */
export const treeEntriesMax = 65_536;

/**
 * How entries are compared with a path. `exact`: for what a match grants. `wide`: for what a match refuses, without
 * regard to ASCII letter case, ignoring dots and blanks at the end of a segment (a segment of nothing else may be no
 * segment at all), and typed parameters match any segment. What matches exactly always matches widely.
 */
export type TreeMode = "exact" | "wide";

/** One operation to be found. */
export interface TreeEntry {
  readonly template: Template;
  /** Empty means every method. */
  readonly methods: readonly Method[];
  /**
   * What a match reports, from 0 to below `treeEntriesMax`. Several entries may share one and are then reported once;
   * give each its own where it matters which template matched.
   */
  readonly index: number;
}

// A node is `nodeWidth` numbers at node * nodeWidth; children are node numbers, 0 (the root) means none.
export const nodeWidth = 8;
export const textChildAt = 0;
export const intChildAt = 1;
export const uuidChildAt = 2;
/** Entries that end at the node: first position in `entryIndexes`, and how many. */
export const endsAt = 3;
export const endsCountAt = 4;
/** Entries that have `**` at the node. */
export const restsAt = 5;
export const restsCountAt = 6;
/** Longest literal child in characters as compared, plus 1; 0 without literal children. */
export const literalBoundAt = 7;

/**
 * Path templates as a tree of segments in flat arrays, immutable once made. All literal children of all nodes share one
 * hash table, so that finding one costs the same in a tree of 20 operations and of 1,000. Read by find.ts only.
 */
export interface OperationTree {
  readonly mode: TreeMode;
  readonly nodes: Int32Array;
  readonly entryIndexes: Int32Array;
  /** Bit i: `methods[i]` of core/policy. */
  readonly entryMethods: Int32Array;
  /** Highest index of an entry, plus 1. */
  readonly indexBound: number;
  /** Open addressing by `edgeSlot(parent, hash)`, at most half full; `edgeChildren` 0 means free. */
  readonly edgeMask: number;
  readonly edgeParents: Int32Array;
  readonly edgeHashes: Int32Array;
  readonly edgeChildren: Int32Array;
  readonly edgeTexts: readonly string[];
}

/** Where the search for a literal child starts. */
export function edgeSlot(parent: number, hash: number): number {
  const mixed = Math.imul(hash ^ Math.imul(parent, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** The bits of the entries' methods that a request with this method satisfies; 0 for a method outside the closed list. */
export function methodBits(method: Method): number {
  switch (method) {
    case "GET":
      return bitOf("GET");
    case "HEAD":
      // HEAD is judged as GET; an entry that names HEAD alone still means it.
      return bitOf("GET") | bitOf("HEAD");
    case "POST":
      return bitOf("POST");
    case "PUT":
      return bitOf("PUT");
    case "PATCH":
      return bitOf("PATCH");
    case "DELETE":
      return bitOf("DELETE");
    case "OPTIONS":
      return bitOf("OPTIONS");
    default:
      return 0;
  }
}

const bits: Readonly<Record<Method, number>> = Object.fromEntries(
  methods.map((method, position) => [method, 1 << position]),
) as Record<Method, number>;

function bitOf(method: Method): number {
  return bits[method];
}

interface GrowingNode {
  readonly number: number;
  readonly literals: Map<string, GrowingNode>;
  text?: GrowingNode;
  int?: GrowingNode;
  uuid?: GrowingNode;
  readonly ends: TreeEntry[];
  readonly rests: TreeEntry[];
}

/** Builds the tree. The order of the entries does not matter. */
export function compileTree(entries: readonly TreeEntry[], mode: TreeMode): OperationTree {
  if (entries.length > treeEntriesMax) throw new RangeError("an operation tree holds too many entries");
  const all: GrowingNode[] = [];
  const grow = (): GrowingNode => {
    const node = { number: all.length, literals: new Map<string, GrowingNode>(), ends: [], rests: [] };
    all.push(node);
    return node;
  };
  const root = grow();
  let indexBound = 0;
  for (const entry of entries) {
    const { index, template } = entry;
    if (!Number.isInteger(index) || index < 0 || index >= treeEntriesMax) {
      throw new RangeError("an entry of an operation tree has an index out of bounds");
    }
    indexBound = Math.max(indexBound, index + 1);
    let node = root;
    for (const segment of template.segments) {
      if (segment.kind === "literal") {
        const text = mode === "wide" ? foldLiteral(segment.text) : segment.text;
        let child = node.literals.get(text);
        if (child === undefined) {
          child = grow();
          node.literals.set(text, child);
        }
        node = child;
      } else {
        node = node[mode === "wide" ? "text" : segment.type] ??= grow();
      }
    }
    (template.rest ? node.rests : node.ends).push(entry);
  }
  return flatten(all, mode, entries.length, indexBound);
}

function flatten(all: readonly GrowingNode[], mode: TreeMode, entries: number, indexBound: number): OperationTree {
  let edgeSlots = 8;
  while (edgeSlots < all.length * 2) edgeSlots *= 2;
  const edgeMask = edgeSlots - 1;
  const nodes = new Int32Array(all.length * nodeWidth);
  const entryIndexes = new Int32Array(entries);
  const entryMethods = new Int32Array(entries);
  const edgeParents = new Int32Array(edgeSlots);
  const edgeHashes = new Int32Array(edgeSlots);
  const edgeChildren = new Int32Array(edgeSlots);
  const edgeTexts = Array.from({ length: edgeSlots }, () => "");
  let placed = 0;
  const place = (list: TreeEntry[]): void => {
    // Sorted, so that what is reported does not depend on the order in which entries came.
    for (const entry of list.toSorted((a, b) => a.index - b.index)) {
      entryIndexes[placed] = entry.index;
      entryMethods[placed] = entry.methods.length === 0 ? -1 : entry.methods.reduce((sum, one) => sum | bitOf(one), 0);
      placed++;
    }
  };
  for (const node of all) {
    const at = node.number * nodeWidth;
    nodes[at + textChildAt] = node.text?.number ?? 0;
    nodes[at + intChildAt] = node.int?.number ?? 0;
    nodes[at + uuidChildAt] = node.uuid?.number ?? 0;
    nodes[at + endsAt] = placed;
    nodes[at + endsCountAt] = node.ends.length;
    place(node.ends);
    nodes[at + restsAt] = placed;
    nodes[at + restsCountAt] = node.rests.length;
    place(node.rests);
    let bound = 0;
    for (const [text, child] of node.literals) {
      bound = Math.max(bound, text.length + 1);
      const hash = mode === "wide" ? hashFolded(text) : hashExact(text, 0, text.length);
      let slot = edgeSlot(node.number, hash) & edgeMask;
      while (edgeChildren[slot] !== 0) slot = (slot + 1) & edgeMask;
      edgeParents[slot] = node.number;
      edgeHashes[slot] = hash;
      edgeChildren[slot] = child.number;
      edgeTexts[slot] = text;
    }
    nodes[at + literalBoundAt] = bound;
  }
  return {
    mode,
    nodes,
    entryIndexes,
    entryMethods,
    indexBound,
    edgeMask,
    edgeParents,
    edgeHashes,
    edgeChildren,
    edgeTexts,
  };
}
