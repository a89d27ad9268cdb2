import type { PathView } from "../../../core/catalog/find.ts";

/** The view of a path as the request parser makes it: `/a/b/` has three segments, the last one empty. */
export function viewOf(path: string): PathView {
  const starts: number[] = [];
  const ends: number[] = [];
  let start = 1;
  for (const segment of path.slice(1).split("/")) {
    starts.push(start);
    ends.push(start + segment.length);
    start += segment.length + 1;
  }
  return {
    path,
    segmentStarts: Int32Array.from(starts),
    segmentEnds: Int32Array.from(ends),
    segmentCount: starts.length,
  };
}
