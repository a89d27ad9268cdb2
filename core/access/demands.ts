import { decodeSegment } from "../request/path.ts";
import type { ClaimDemand, ClaimScalar, Requirement } from "../policy/policy.ts";
import type { Call } from "./call.ts";
import type { Claims, ClaimValue, Principal } from "./principal.ts";

/**
 * How far a call got with the demands of a rule; the higher, the closer to being allowed. Where several Allow rules
 * match and none holds, the furthest one tells the reason, so that the answer does not depend on the order of rules.
 */
export type Unmet =
  | { readonly stage: 1; readonly kind: "credential" }
  | { readonly stage: 2; readonly kind: "scope"; readonly detail: string }
  | { readonly stage: 3; readonly kind: "claim"; readonly detail: string }
  | { readonly stage: 4; readonly kind: "owner"; readonly detail: string }
  | { readonly stage: 5; readonly kind: "condition-error" }
  | { readonly stage: 6; readonly kind: "condition" }
  | { readonly stage: 7; readonly kind: "level"; readonly level: number };

/** Demands of one rule on one path template, ready to be asked often. Undefined: all met. */
export type DemandCheck = (call: Call) => Unmet | undefined;

/** Entries of a claim list that are looked at; a longer list does not hold what is behind them. */
export const claimListMax = 256;

const credential: Unmet = { stage: 1, kind: "credential" };

/**
 * Compiles what a rule requires. `ownerSegment` is the place of the owner's path parameter in the template; -1 when the
 * rule names no owner.
 */
export function compileDemands(require: Requirement, ownerSegment: number): DemandCheck {
  const checks: ((call: Call, claims: Claims) => Unmet | undefined)[] = [];
  for (const scope of require.scopes) {
    const unmet: Unmet = { stage: 2, kind: "scope", detail: `scope ${scope}` };
    checks.push((_call, claims) => (hasScope(claims, scope) ? undefined : unmet));
  }
  for (const demand of require.claims) {
    const unmet: Unmet = { stage: 3, kind: "claim", detail: `claim ${demand.name}` };
    const holds = claimTest(demand);
    checks.push((_call, claims) => (holds(claims.get(demand.name)) ? undefined : unmet));
  }
  if (require.owner !== undefined) {
    const { claim, path } = require.owner;
    const unmet: Unmet = { stage: 4, kind: "owner", detail: `path ${path}, claim ${claim}` };
    const absent: Unmet = { stage: 3, kind: "claim", detail: `claim ${claim}` };
    checks.push((call, claims) => {
      const value = claims.get(claim);
      if (value === undefined) return absent;
      return isOwner(call, ownerSegment, value) ? undefined : unmet;
    });
  }
  if (checks.length === 0) {
    if (!require.authenticated) return () => undefined;
    return (call) => (call.principal.kind === "authenticated" ? undefined : credential);
  }
  return (call) => {
    const { principal } = call;
    if (principal.kind !== "authenticated") return credential;
    for (const check of checks) {
      const unmet = check(call, principal.claims);
      if (unmet !== undefined) return unmet;
    }
    return undefined;
  };
}

/** Whether the call is authenticated strongly enough; asked last, so that only what else holds is challenged. */
export function meetsLevel(principal: Principal, level: number): boolean {
  return principal.kind === "authenticated" && levelOf(principal.claims) >= level;
}

/** The authentication level: claim `acr` as a whole number or its decimal text, else 0 (RFC 9470 section 4). */
export function levelOf(claims: Claims): number {
  const acr = claims.get("acr");
  if (typeof acr === "number") return Number.isInteger(acr) && acr >= 0 ? acr : 0;
  return typeof acr === "string" && /^[0-9]{1,3}$/.test(acr) ? Number(acr) : 0;
}

/** Whether claim `scope` (a list, or words with blanks between, RFC 6749 section 3.3) holds the scope. */
export function hasScope(claims: Claims, scope: string): boolean {
  const value = claims.get("scope");
  if (typeof value === "string") return hasWord(value, scope);
  return Array.isArray(value) && listHas(value, scope);
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = at + word.length;
    if ((at === 0 || text[at - 1] === " ") && (end === text.length || text[end] === " ")) return true;
  }
  return false;
}

/** Strict equality of values and types: `"1"` is not `1`, and a list is not its only element. */
function claimTest(demand: ClaimDemand): (value: ClaimValue | undefined) => boolean {
  switch (demand.kind) {
    case "equals":
      return (value) => value === demand.value;
    case "in": {
      const accepted = new Set<ClaimValue | undefined>(demand.values);
      return (value) => value !== undefined && accepted.has(value);
    }
    case "contains":
      return (value) => Array.isArray(value) && listHas(value, demand.value);
  }
}

function listHas(list: readonly ClaimValue[], wanted: ClaimScalar): boolean {
  const count = Math.min(list.length, claimListMax);
  for (let i = 0; i < count; i++) {
    if (list[i] === wanted) return true;
  }
  return false;
}

/** The decoded segment equals the claim; a number claim by its decimal form when that is exact. */
function isOwner(call: Call, segment: number, claim: ClaimValue | undefined): boolean {
  const { request } = call;
  if (segment < 0 || segment >= request.segmentCount) return false;
  const owner = decodeSegment(request.path, request.segmentStarts[segment]!, request.segmentEnds[segment]!);
  if (owner === "") return false;
  if (typeof claim === "string") return claim === owner;
  return typeof claim === "number" && Number.isSafeInteger(claim) && String(claim) === owner;
}
