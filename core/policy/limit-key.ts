import type { Call } from "../access/call.ts";
import type { ClaimValue } from "../access/principal.ts";
import type { KeyHash } from "../limits/key.ts";
import { networkOf } from "../request/address.ts";
import { governedHeader } from "../request/headers.ts";
import type { LimitKey } from "./policy.ts";

/**
 * Hashes what a limit counts per. A part that the request does not have counts together with all others that lack it,
 * so leaving something out never opens a fresh bucket. An anonymous caller counts by address where a principal is asked.
 */
export function hashLimitKey(hash: KeyHash, keys: readonly LimitKey[], call: Call, operation: string): void {
  hash.begin();
  for (const key of keys) addPart(hash, key, call, operation);
  hash.finish();
}

function addPart(hash: KeyHash, key: LimitKey, call: Call, operation: string): void {
  const { principal, request, sourceAddress } = call;
  switch (key.kind) {
    case "principal":
      return addPrincipal(hash, call);
    case "credential":
      addPrincipal(hash, call);
      if (principal.kind !== "authenticated") return;
      // RFC 7519 section 4.1.7 names a token; without it, tokens of one principal differ by their time of issue.
      return addClaim(hash, principal.claims.get("jti") ?? principal.claims.get("iat"));
    case "session":
      addPrincipal(hash, call);
      if (principal.kind !== "authenticated" || principal.sessionClaim === undefined) return;
      return addClaim(hash, principal.claims.get(principal.sessionClaim));
    case "sourceAddress":
      return sourceAddress === "" ? hash.absent() : hash.text(sourceAddress);
    case "sourceNetwork": {
      const network = networkOf(sourceAddress);
      return network === undefined ? hash.absent() : hash.text(network);
    }
    case "operation":
      return hash.text(operation);
    case "claim":
      return addClaim(hash, principal.kind === "authenticated" ? principal.claims.get(key.name) : undefined);
    case "header": {
      const header = governedHeader(request.headers, key.name);
      return header.kind === "value" ? hash.text(header.value) : hash.absent();
    }
  }
}

function addPrincipal(hash: KeyHash, { principal, sourceAddress }: Call): void {
  if (principal.kind === "authenticated") {
    hash.text(principal.issuer);
    hash.text(principal.id);
  } else if (sourceAddress === "") hash.absent();
  else {
    hash.absent();
    // One customer's line has 2^64 addresses of IPv6: per address nobody would ever be counted twice.
    hash.text(sourceAddress.includes(":") ? (networkOf(sourceAddress) ?? sourceAddress) : sourceAddress);
  }
}

function addClaim(hash: KeyHash, value: ClaimValue | undefined): void {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") hash.scalar(value);
  else hash.absent();
}
