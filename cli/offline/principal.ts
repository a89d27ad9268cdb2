import { anonymous, claimsOf, type ClaimValue, type Principal } from "../../core/access/principal.ts";
import type { Identity, JwtIssuer } from "../../core/policy/identity.ts";

/** A token as a test or the command line describes it: taken as signed and verified unless it says otherwise. */
export interface DescribedToken {
  /** `iss` may be an issuer or the name of an identity; left out, the first issuer is meant. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly condition: "good" | "expired" | "invalid";
}

/** Who calls with this token at a workload that accepts these identities. Never more than the proxy would prove. */
export function principalOf(token: DescribedToken | undefined, identities: readonly Identity[]): Principal {
  // A workload without identities does not look at tokens.
  if (token === undefined || identities.length === 0) return anonymous;
  const found = issuerOf(token.claims["iss"], identities);
  if (found === undefined || token.condition === "invalid") return { kind: "failed", cause: "invalid" };
  if (token.condition === "expired") return { kind: "failed", cause: "expired" };
  const { identity, issuer } = found;
  const claims: Record<string, ClaimValue> = { ...token.claims, iss: issuer.issuer };
  if (claims["aud"] === undefined) claims["aud"] = issuer.audiences[0] ?? "";
  const audiences = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  if (!audiences.some((audience) => issuer.audiences.some((wanted) => wanted === audience))) {
    return { kind: "failed", cause: "invalid" };
  }
  const id = claims[identity.principalClaim];
  if (typeof id !== "string" || id === "") return { kind: "failed", cause: "invalid" };
  return {
    kind: "authenticated",
    id,
    issuer: issuer.issuer,
    claims: claimsOf(claims),
    sessionClaim: identity.sessionClaim,
  };
}

function issuerOf(
  named: ClaimValue | undefined,
  identities: readonly Identity[],
): { readonly identity: Identity; readonly issuer: JwtIssuer } | undefined {
  for (const identity of identities) {
    for (const issuer of identity.jwt) {
      if (named === undefined || named === issuer.issuer || named === identity.id.name) return { identity, issuer };
    }
  }
  return undefined;
}
