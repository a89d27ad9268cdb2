import { operationOf, type Operation } from "../operations.ts";
import * as paths from "./paths.ts";
import { nameAs, valueOf, type HeaderHabits, type RawRequest } from "./wire.ts";

/** One way in which real applications read requests. */
export interface Emulator extends HeaderHabits {
  readonly id: string;
  readonly reads: string;
  readonly path: paths.PathReading;
  /** Obeys headers that replace the method or the path. */
  readonly overrides: boolean;
}

/** What the application believes that it was asked. */
export interface Reading {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const plain = { foldsNames: false, duplicate: "first", path: paths.rfc3986, overrides: false } as const;

/** The ten applications behind the range. U0 to U9 are the names the catalogue of vectors uses. */
export const emulators: readonly Emulator[] = [
  { ...plain, id: "U0", reads: "the bytes as they are", path: paths.raw },
  { ...plain, id: "U1", reads: "RFC 3986, merging slashes" },
  { ...plain, id: "U2", reads: "all escapes undone, backslash is slash", path: paths.decodesSlashes },
  { ...plain, id: "U3", reads: "without ;param in each segment", path: paths.stripsParameters },
  { ...plain, id: "U4", reads: "without regard to case and trailing dots", path: paths.ignoresCase },
  { ...plain, id: "U5", reads: "_ and . in header names as -", foldsNames: true, overrides: true },
  { ...plain, id: "U6", reads: "the first of duplicates", duplicate: "first" },
  { ...plain, id: "U7", reads: "the last of duplicates", duplicate: "last" },
  { ...plain, id: "U8", reads: "as a servlet container", path: paths.servlet },
  { ...plain, id: "U9", reads: "X-HTTP-Method-Override and X-Original-URL", overrides: true },
];

const methodHeaders = ["x-http-method-override", "x-http-method", "x-method-override"];
const pathHeaders = ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-envoy-original-path"];

/** The request as this application reads it. */
export function readAs(emulator: Emulator, request: Pick<RawRequest, "method" | "target" | "headers">): Reading {
  const value = (name: string): string | undefined => valueOf(request.headers, name, emulator);
  const first = (names: readonly string[]): string | undefined => names.map(value).find((found) => found !== undefined);
  const target = (emulator.overrides ? first(pathHeaders) : undefined) ?? request.target;
  const override = emulator.overrides ? (first(methodHeaders) ?? methodInQuery(target)) : undefined;
  const method = (override ?? request.method).toUpperCase();
  const path = emulator.path(pathOf(target));
  return { method, path, operation: operationOf(method, path) };
}

/** `_method=` in the query, as Rails and its children read it. */
function methodInQuery(target: string): string | undefined {
  return /[?&]_method=([A-Za-z]+)/.exec(target)?.[1];
}

/** The path of an origin-form or absolute-form target. */
function pathOf(target: string): string {
  const origin = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/, "");
  const path = origin.split(/[?#]/)[0] ?? "";
  return path.startsWith("/") ? path : `/${path}`;
}

/** Values under a name that only Picket may assert, as this application sees them. */
export function assertedValues(emulator: Emulator, request: Pick<RawRequest, "headers">): readonly string[] {
  return request.headers.filter(([name]) => nameAs(name, emulator).startsWith("x-picket-")).map(([, value]) => value);
}
