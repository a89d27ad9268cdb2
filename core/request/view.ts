import type { Method } from "../policy/policy.ts";
import type { DenyReason } from "../verdict/reason.ts";
import { type AuthorityProblem, authorityProblems, parseAuthority } from "./authority.ts";
import { type HeaderProblem, headerProblems, type HeaderView, type ScannedHeaders } from "./headers.ts";
import { parseMethod } from "./method.ts";
import { parsePath, type PathProblem, pathProblems, pathSegmentsMax } from "./path.ts";
import { type QueryProblem, queryProblems, scanQuery } from "./query.ts";

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

/** A request as the proxy describes it: byte strings, nothing decoded. */
export interface RawRequest {
  readonly method: string;
  /** `:path` as forwarded, query included. */
  readonly target: string;
  readonly authority: string;
  readonly headers: ScannedHeaders;
}

/** Why there is no view: a reason for the verdict and, from a closed list, what exactly was ambiguous. */
export interface ViewProblem {
  readonly reason: DenyReason;
  readonly detail: PathProblem | QueryProblem | AuthorityProblem | HeaderProblem | "method";
}

/** A view that is written over by the next request. Readers keep nothing of it but strings. */
export type RequestScratch = { -readonly [K in keyof RequestView]: RequestView[K] };

const noHeaders: HeaderView = Object.freeze({ get: () => undefined, count: () => 0 });

export function createRequestView(): RequestScratch {
  return {
    method: "GET",
    path: "",
    segmentStarts: new Int32Array(pathSegmentsMax),
    segmentEnds: new Int32Array(pathSegmentsMax),
    segmentCount: 0,
    query: "",
    host: "",
    headers: noHeaders,
  };
}

/**
 * Reads a request into `into`, or says why it is refused. After a problem the view is empty: no path template matches
 * an empty path.
 */
export function viewRequest(raw: RawRequest, into: RequestScratch): ViewProblem | undefined {
  const problem = readRequest(raw, into);
  if (problem !== undefined) {
    into.path = "";
    into.query = "";
    into.segmentCount = 0;
    into.host = "";
    into.headers = noHeaders;
  }
  return problem;
}

function readRequest(raw: RawRequest, into: RequestScratch): ViewProblem | undefined {
  const method = parseMethod(raw.method);
  if (method === undefined) return methodUnknown;
  into.method = method;
  into.headers = raw.headers;
  const pathProblem = parsePath(raw.target, into);
  if (pathProblem !== undefined) return problemsOfPath[pathProblem];
  const queryProblem = scanQuery(into.query);
  if (queryProblem !== undefined) return problemsOfQuery[queryProblem];
  const authorityProblem = parseAuthority(raw.authority, into);
  if (authorityProblem !== undefined) return problemsOfAuthority[authorityProblem];
  const headerProblem = raw.headers.problem;
  return headerProblem === undefined ? undefined : problemsOfHeaders[headerProblem];
}

// One frozen object for each way to be refused: a flood of hostile requests allocates none.
const methodUnknown: ViewProblem = Object.freeze({ reason: "method-unknown", detail: "method" });
const problemsOfPath = problems(pathProblems, () => "path-ambiguous");
const problemsOfQuery = problems(queryProblems, () => "query-ambiguous");
const problemsOfAuthority = problems(authorityProblems, () => "authority-ambiguous");
const problemsOfHeaders = problems(headerProblems, (detail) =>
  detail === "too-many" || detail === "too-large" ? "headers-too-large" : "header-ambiguous",
);

function problems<D extends ViewProblem["detail"]>(
  details: readonly D[],
  reasonOf: (detail: D) => DenyReason,
): Readonly<Record<D, ViewProblem>> {
  const table: Partial<Record<D, ViewProblem>> = {};
  for (const detail of details) table[detail] = Object.freeze({ reason: reasonOf(detail), detail });
  return table as Record<D, ViewProblem>;
}
