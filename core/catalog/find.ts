import type { Method } from "../policy/policy.ts";
import type { RequestView } from "../request/view.ts";
import { equalsExact, equalsWide, foldedEnd, hashExact, hashWide } from "./fold.ts";
import { isInt, isUuid } from "./segment-type.ts";
import {
  edgeSlot,
  endsAt,
  endsCountAt,
  intChildAt,
  literalBoundAt,
  methodBits,
  nodeWidth,
  restsAt,
  restsCountAt,
  textChildAt,
  uuidChildAt,
  type OperationTree,
} from "./tree.ts";

/** Nodes one search may visit. A path that branches more is not decided: `overflow`, and the caller refuses. */
export const visitsMax = 4_096;

/** Branches one search may have open at a time; beyond it the search ends in `overflow`. */
export const branchesMax = 1_024;

/** Segments of a path that a search looks at; a search that would have to look further ends in `overflow`. */
export const segmentsSeenMax = 1_024;

/** The part of a request that a search reads. */
export type PathView = Pick<RequestView, "path" | "segmentStarts" | "segmentEnds" | "segmentCount">;

/**
 * Result and working memory of searches; one is made per worker and reused for every request. The result holds until
 * the next search with the same object.
 */
export interface Matches {
  /** The first `count` are the indexes of the entries that match, each once, most specific template first. */
  readonly indexes: Int32Array;
  count: number;
  /** The search was cut short or could not be made: what was found is not all. Whoever judges must refuse. */
  overflow: boolean;
  /**
   * An entry would match, had its typed parameter its type. Where nothing matches (`count` is 0), this is the reason:
   * the path is malformed rather than unknown. Never set by a wide tree.
   */
  typeMismatch: boolean;
  /** @internal Everything below is working memory. */
  readonly work: SearchWork;
}

interface SearchWork {
  /** Number of the search; an index or segment marked with an older one is not yet reported, trimmed or hashed. */
  search: number;
  readonly reportedBy: Int32Array;
  readonly seenBy: Int32Array;
  readonly hashedBy: Int32Array;
  readonly hashes: Int32Array;
  readonly ends: Int32Array;
  readonly branchStates: Int32Array;
  readonly branchSegments: Int32Array;
  branches: number;
}

/** Makes room for the results of searches in any of these trees. */
export function createMatches(trees: readonly OperationTree[]): Matches {
  const bound = trees.reduce((most, tree) => Math.max(most, tree.indexBound), 0);
  return {
    indexes: new Int32Array(bound),
    count: 0,
    overflow: false,
    typeMismatch: false,
    work: {
      search: 0,
      reportedBy: new Int32Array(bound),
      seenBy: new Int32Array(segmentsSeenMax),
      hashedBy: new Int32Array(segmentsSeenMax),
      hashes: new Int32Array(segmentsSeenMax),
      ends: new Int32Array(segmentsSeenMax),
      branchStates: new Int32Array(branchesMax),
      branchSegments: new Int32Array(branchesMax),
      branches: 0,
    },
  };
}

/**
 * Finds every entry whose template and method match; literal, parameter and `**` branches are all followed. Most
 * specific first: segment by segment from the left, literal before typed before untyped before `**`.
 */
export function findOperations(tree: OperationTree, view: PathView, method: Method, into: Matches): void {
  search(tree, view, method, into, false);
}

/**
 * The entry with the most specific matching template, for naming the operation; -1 when there is none. `into` is
 * overwritten; after an `overflow` the answer is -1.
 */
export function bestOperation(tree: OperationTree, view: PathView, method: Method, into: Matches): number {
  search(tree, view, method, into, true);
  return into.overflow || into.count === 0 ? -1 : (into.indexes[0] ?? -1);
}

// A branch still to follow: the node times 4, plus these.
const isRest = 1;
const isMismatch = 2;

function search(tree: OperationTree, view: PathView, method: Method, into: Matches, firstOnly: boolean): void {
  const { work } = into;
  if (tree.indexBound > into.indexes.length) throw new RangeError("matches were not made for this tree");
  into.count = 0;
  into.overflow = false;
  into.typeMismatch = false;
  const wanted = methodBits(method);
  const { path, segmentStarts, segmentEnds } = view;
  if (wanted === 0 || !(view.segmentCount >= 0)) {
    into.overflow = true;
    return;
  }
  if (work.search === 0x7fffffff) {
    work.search = 0;
    work.reportedBy.fill(0);
    work.seenBy.fill(0);
    work.hashedBy.fill(0);
  }
  work.search++;
  const wide = tree.mode === "wide";
  const { nodes } = tree;
  const { branchStates, branchSegments } = work;
  // A slash at the end makes an empty last segment in some views; it says nothing.
  let segments = view.segmentCount;
  if (segments > 0 && segmentStarts[segments - 1] === segmentEnds[segments - 1]) segments--;

  work.branches = 0;
  branch(into, 0, 0);
  let visits = 0;
  while (work.branches > 0) {
    if (++visits > visitsMax) into.overflow = true;
    if (into.overflow) return;
    const top = --work.branches;
    const state = branchStates[top] as number;
    const segment = branchSegments[top] as number;
    const mismatch = state & isMismatch;
    if (mismatch !== 0 && into.typeMismatch) continue;
    const at = (state >> 2) * nodeWidth;
    if ((state & isRest) !== 0) {
      report(tree, nodes[at + restsAt] as number, nodes[at + restsCountAt] as number, wanted, mismatch, into);
      if (firstOnly && into.count > 0) return;
      continue;
    }
    if (segment === segments) {
      report(tree, nodes[at + endsAt] as number, nodes[at + endsCountAt] as number, wanted, mismatch, into);
      report(tree, nodes[at + restsAt] as number, nodes[at + restsCountAt] as number, wanted, mismatch, into);
      if (firstOnly && into.count > 0) return;
      continue;
    }
    // The branch to follow first goes on the stack last.
    if (nodes[at + restsCountAt] !== 0) branch(into, state | isRest, segment);
    const start = segmentStarts[segment] as number;
    const end = segmentEnds[segment] as number;
    const text = nodes[at + textChildAt] as number;
    const bound = nodes[at + literalBoundAt] as number;
    if (wide) {
      if (segment >= segmentsSeenMax) {
        into.overflow = true;
        return;
      }
      if (work.seenBy[segment] !== work.search) {
        work.seenBy[segment] = work.search;
        work.ends[segment] = foldedEnd(path, start, end);
      }
      const trimmed = work.ends[segment] as number;
      if (trimmed === start) branch(into, state, segment + 1);
      if (text !== 0) branch(into, text << 2, segment + 1);
      if (bound !== 0) {
        if (work.hashedBy[segment] !== work.search) {
          work.hashedBy[segment] = work.search;
          work.hashes[segment] = hashWide(path, start, trimmed);
        }
        const child = literalChild(tree, state >> 2, work.hashes[segment] as number, path, start, trimmed);
        if (child !== 0) branch(into, child << 2, segment + 1);
      }
      continue;
    }
    if (start >= end) continue;
    if (text !== 0) branch(into, (text << 2) | mismatch, segment + 1);
    const uuid = nodes[at + uuidChildAt] as number;
    if (uuid !== 0) {
      const state2 = isUuid(path, start, end) ? mismatch : isMismatch;
      branch(into, (uuid << 2) | state2, segment + 1);
    }
    const int = nodes[at + intChildAt] as number;
    if (int !== 0) {
      const state2 = isInt(path, start, end) ? mismatch : isMismatch;
      branch(into, (int << 2) | state2, segment + 1);
    }
    // A segment longer than every literal here cannot be one: no need to hash kilobytes. Literals are at most
    // templateSegmentsMax deep, so the segment is within what is kept.
    if (end - start < bound) {
      if (work.hashedBy[segment] !== work.search) {
        work.hashedBy[segment] = work.search;
        work.hashes[segment] = hashExact(path, start, end);
      }
      const child = literalChild(tree, state >> 2, work.hashes[segment] as number, path, start, end);
      if (child !== 0) branch(into, (child << 2) | mismatch, segment + 1);
    }
  }
}

function branch(into: Matches, state: number, segment: number): void {
  const { work } = into;
  if (work.branches === branchesMax) {
    into.overflow = true;
    return;
  }
  work.branchStates[work.branches] = state;
  work.branchSegments[work.branches] = segment;
  work.branches++;
}

function literalChild(
  tree: OperationTree,
  parent: number,
  hash: number,
  path: string,
  start: number,
  end: number,
): number {
  const { edgeChildren, edgeHashes, edgeParents, edgeMask } = tree;
  let slot = edgeSlot(parent, hash) & edgeMask;
  for (;;) {
    const child = edgeChildren[slot] as number;
    if (child === 0) return 0;
    if (edgeHashes[slot] === hash && edgeParents[slot] === parent) {
      const text = tree.edgeTexts[slot] as string;
      if (tree.mode === "wide" ? equalsWide(text, path, start, end) : equalsExact(text, path, start, end)) return child;
    }
    slot = (slot + 1) & edgeMask;
  }
}

function report(
  tree: OperationTree,
  first: number,
  count: number,
  wanted: number,
  mismatch: number,
  into: Matches,
): void {
  for (let entry = first; entry < first + count; entry++) {
    if (((tree.entryMethods[entry] as number) & wanted) === 0) continue;
    if (mismatch !== 0) {
      into.typeMismatch = true;
      return;
    }
    const index = tree.entryIndexes[entry] as number;
    if (into.work.reportedBy[index] === into.work.search) continue;
    into.work.reportedBy[index] = into.work.search;
    into.indexes[into.count++] = index;
  }
}
