import type { Call } from "../access/call.ts";
import { hasScope, levelOf } from "../access/demands.ts";
import type { Claims, ClaimValue } from "../access/principal.ts";
import { networkOf } from "../request/address.ts";
import { parseQuery } from "../request/query.ts";
import type { Field, Schema, Variable } from "./activation.ts";
import { EvaluationError, Timestamp } from "./value.ts";

/** What a `when` is evaluated over. */
export interface WhenContext {
  readonly call: Call;
  readonly nowMs: number;
  /** A decoded path parameter of the operation, undefined when its template has none of that name. */
  parameter(name: string): string | undefined;
}

/** Longest path parameter that a `when` reads; a longer one is an evaluation error. */
export const parameterSizeMax = 512;

/** Reading the longest query, in units of the static cost. */
const queryCost = 10_000;

const dayMs = 86_400_000;
const hourMs = 3_600_000;

type WhenField = Field<WhenContext>;

function text(read: (context: WhenContext) => string | undefined): WhenField {
  return { kind: "value", isText: true, read };
}

const request = new Map<string, WhenField>([
  ["method", { kind: "value", isText: true, sizeMax: 16, read: ({ call }) => call.request.method }],
  ["path", text(({ call }) => call.request.path)],
  ["host", { kind: "value", isText: true, sizeMax: 255, read: ({ call }) => call.request.host }],
  [
    "query",
    { kind: "keyed", isText: true, cost: queryCost, entry: ({ call }, name) => queryEntry(call.request.query, name) },
  ],
  [
    "headers",
    {
      kind: "keyed",
      isText: true,
      normalise: (name) => name.toLowerCase(),
      entry: ({ call }, name) => call.request.headers.get(name),
    },
  ],
  ["hour", { kind: "integer", read: ({ nowMs }) => Math.floor((nowMs % dayMs) / hourMs) }],
  // 1970-01-01 was a Thursday, day 4 counted from Sunday.
  ["weekday", { kind: "integer", read: ({ nowMs }) => (Math.floor(nowMs / dayMs) + 4) % 7 }],
]);

const principal = new Map<string, WhenField>([
  [
    "authenticated",
    { kind: "value", isText: true, sizeMax: 1, read: ({ call }) => call.principal.kind === "authenticated" },
  ],
  ["id", text(({ call }) => (call.principal.kind === "authenticated" ? call.principal.id : undefined))],
  ["issuer", text(({ call }) => (call.principal.kind === "authenticated" ? call.principal.issuer : undefined))],
  [
    "scopes",
    {
      kind: "texts",
      read: (context) => scopesOf(claimsOf(context)?.get("scope")),
      includes: (context, scope) => {
        const claims = claimsOf(context);
        return claims !== undefined && hasScope(claims, scope);
      },
    },
  ],
  ["claims", { kind: "keyed", entry: (context, name) => claimsOf(context)?.get(name) }],
  [
    "level",
    {
      kind: "integer",
      read: (context) => {
        const claims = claimsOf(context);
        return claims === undefined ? 0 : levelOf(claims);
      },
    },
  ],
]);

const source = new Map<string, WhenField>([
  ["address", { kind: "value", isText: true, sizeMax: 45, read: ({ call }) => call.sourceAddress || undefined }],
  ["network", { kind: "value", isText: true, sizeMax: 48, read: ({ call }) => networkOf(call.sourceAddress) }],
]);

/** The variables of `when` as direct reads from a call; docs/reference/when.md describes them. */
export const whenSchema: Schema<WhenContext> = new Map<string, Variable<WhenContext>>([
  ["request", { kind: "fields", fields: request }],
  ["principal", { kind: "fields", fields: principal }],
  [
    "resource",
    { kind: "keyed", isText: true, sizeMax: parameterSizeMax, entry: (context, name) => context.parameter(name) },
  ],
  ["source", { kind: "fields", fields: source }],
  [
    "now",
    {
      kind: "value",
      isText: true,
      sizeMax: 1,
      read: ({ nowMs }) => new Timestamp(BigInt(Math.floor(nowMs)) * 1_000_000n),
    },
  ],
]);

function claimsOf({ call }: WhenContext): Claims | undefined {
  return call.principal.kind === "authenticated" ? call.principal.claims : undefined;
}

/** The scopes that `hasScope` finds, as a list. */
function scopesOf(scope: ClaimValue | undefined): readonly string[] {
  if (typeof scope === "string") return scope.split(" ").filter((name) => name !== "");
  return Array.isArray(scope) ? scope.filter((name) => typeof name === "string") : [];
}

/** Applications differ in which of several values they take, and in how they read what is not well-formed. */
const ambiguousQuery = new EvaluationError("conversion", "request.query");

function queryEntry(query: string, name: string): string | EvaluationError | undefined {
  if (query === "") return undefined;
  const view = parseQuery(query);
  if (typeof view === "string") return ambiguousQuery;
  const found = view.get(name);
  return found.kind === "value" ? found.value : found.kind === "absent" ? undefined : ambiguousQuery;
}
