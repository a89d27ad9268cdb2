import type { Identity, JwtIssuer } from "../../core/policy/identity.ts";
import { printId } from "../../core/policy/policy.ts";
import { readKeySet } from "./keys.ts";

/** A key set that the operator fetched. */
export interface FetchedKeys {
  /** The answer of the issuer, checked again here. */
  readonly jwks: string;
  /** True once it is older than the policy accepts. */
  readonly stale: boolean;
}

/** One token issuer of a workload under the name that proxy and scorer share. */
export interface IssuerKeys {
  /** `p0`, `p1` … in the order of the identities. */
  readonly provider: string;
  readonly identity: Identity;
  readonly jwt: JwtIssuer;
  /** Undefined: missing, stale or without a usable key. The proxy then verifies nothing and the scorer refuses all. */
  readonly jwks: string | undefined;
}

export interface IssuersOfWorkload {
  readonly issuers: readonly IssuerKeys[];
  readonly problems: readonly string[];
}

/** Names the issuers and reads their keys. Keys that are refused are fewer keys, never other ones. */
export function issuersOf(
  identities: readonly Identity[],
  fetched: ReadonlyMap<string, FetchedKeys>,
): IssuersOfWorkload {
  const issuers: IssuerKeys[] = [];
  const problems: string[] = [];
  for (const identity of identities) {
    for (const jwt of identity.jwt) {
      const { jwks, problems: found } = keysOf(jwt, fetched);
      problems.push(...found.map((sentence) => `identity ${printId(identity.id)}, issuer ${jwt.issuer}: ${sentence}`));
      issuers.push({ provider: `p${issuers.length}`, identity, jwt, jwks });
    }
  }
  return { issuers, problems };
}

function keysOf(jwt: JwtIssuer, fetched: ReadonlyMap<string, FetchedKeys>) {
  if (jwt.keys.kind === "inline") return readKeySet(jwt.keys.jwks, jwt.algorithms);
  const answer = fetched.get(jwt.keys.uri);
  if (answer === undefined) return { jwks: undefined, problems: ["its keys were not fetched yet"] };
  if (answer.stale) return { jwks: undefined, problems: ["its keys are older than the policy accepts"] };
  return readKeySet(answer.jwks, jwt.algorithms);
}
