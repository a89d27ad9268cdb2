import type { Method } from "../policy/policy.ts";

/** Headers read on demand; names in lower case. */
export interface HeaderView {
  /** The value, or undefined when absent. A name that occurs more than once gives its values joined by `,` (RFC 9110 5.3). */
  get(name: string): string | undefined;
  /** How often the name occurs. */
  count(name: string): number;
}

/**
 * The one view of a request: what was judged is what the application receives. Only made by strict parsers; holding
 * one means that path, authority, method, header names and query were not ambiguous.
 */
export interface RequestView {
  readonly method: Method;
  /** Path as forwarded: normalised, still percent-encoded, without query. Starts with `/`. */
  readonly path: string;
  /** Start offset of each segment in `path`; segment i ends before `segmentEnds[i]`. Only the first `segmentCount` hold. */
  readonly segmentStarts: Int32Array;
  readonly segmentEnds: Int32Array;
  readonly segmentCount: number;
  /** Query without `?`, empty when absent. */
  readonly query: string;
  /** Host in lower case without port. */
  readonly host: string;
  readonly headers: HeaderView;
}
