/** A claim as a verified token carries it. */
export type ClaimValue =
  string | number | boolean | null | readonly ClaimValue[] | { readonly [key: string]: ClaimValue };

/** Claims of a verified token, read on demand. Only own names are found, `__proto__` included. */
export interface Claims {
  /** Undefined when absent. The name is literal: `a.b` is one name, not a path. */
  get(name: string): ClaimValue | undefined;
}

/** Who calls, as far as it is proven. `failed`: a credential was shown and did not verify. */
export type Principal =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "failed";
      readonly cause: "expired" | "invalid" | "keys";
      /** What was wrong, in fixed words for the operator; never a part of the credential. */
      readonly detail?: string | undefined;
    }
  | {
      readonly kind: "authenticated";
      readonly id: string;
      readonly issuer: string;
      readonly claims: Claims;
      /** Claim that names the session, where the identity says one. */
      readonly sessionClaim?: string | undefined;
    };

export const anonymous: Principal = Object.freeze({ kind: "anonymous" });

/** Claims over a plain object, for tests, `picket can` and policy tests. */
export function claimsOf(values: Readonly<Record<string, ClaimValue>>): Claims {
  const own = new Map(Object.entries(values));
  return { get: (name) => own.get(name) };
}
