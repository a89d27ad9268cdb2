import type { ClaimDemand, ClaimScalar, Requirement } from "../policy.ts";
import { list, optional, record, required, unsupported } from "./record.ts";
import { refuse } from "./place.ts";
import { flag, scalar, text, whole } from "./scalar.ts";

/** Scopes, and demands on claims, of one rule. */
export const demandsMax = 32;
/** Values of one `in`. */
export const claimValuesMax = 64;
/** Longest name of a claim. */
export const claimNameCharactersMax = 128;
/** Highest authentication level: what three digits of `acr` can say. */
export const authenticationLevelMax = 999;

/** The name of a claim: literal, so `a.b` is one name. */
export const claimName = text({ max: claimNameCharactersMax, form: "the name of a claim" });

/** scope-token of RFC 6749 section 3.3. */
const scope = text({
  max: 128,
  pattern: /^[\x21\x23-\x5b\x5d-\x7e]+$/,
  form: "a scope",
  fix: "write one scope for each entry, without blanks and quotes",
});

const claimDemand = record({
  shape: {
    name: required(claimName, "write name: and the claim that is looked at"),
    equals: optional(scalar()),
    in: optional(
      list(scalar(), {
        min: 1,
        max: claimValuesMax,
        unique: { key: (item: ClaimScalar) => `${typeof item} ${item}`, what: "value" },
      }),
    ),
    contains: optional(scalar()),
  },
  misplaced: { value: "write equals, in or contains", values: "write in: [first, second]" },
  check(_values, place) {
    const given = ["equals", "in", "contains"].filter((form) => Object.hasOwn(place.value as object, form));
    if (given.length === 1) return;
    const message = given.length === 0 ? "says nothing about the claim" : `says ${given.join(" and ")} at once`;
    refuse(place, "PKT0209", message, "write exactly one of equals, in and contains");
  },
  build(values): ClaimDemand {
    const { name } = values;
    if (values.equals !== undefined) return { name, kind: "equals", value: values.equals };
    if (values.in !== undefined) return { name, kind: "in", values: values.in };
    // `check` saw exactly one of the three.
    return { name, kind: "contains", value: values.contains as ClaimScalar };
  },
});

const owner = record({
  shape: {
    path: required(text({ max: 64, form: "the name of a path parameter" }), "name the parameter that holds the owner"),
    claim: required(claimName, "name the claim that must equal the parameter"),
  },
  misplaced: { parameter: "write path: and the name of the parameter" },
  build: ({ path, claim }) => ({ path, claim }),
});

/** What an Allow rule demands. */
export const requirement = record({
  shape: {
    authenticated: optional(flag),
    scopes: optional(list(scope, { min: 1, max: demandsMax, unique: { key: (item: string) => item, what: "scope" } })),
    claims: optional(list(claimDemand, { min: 1, max: demandsMax })),
    owner: optional(owner),
    authenticationLevel: optional(whole({ min: 1, max: authenticationLevelMax })),
    consent: unsupported("remove it, and refuse with a Deny rule and `when` what consent would refuse"),
    attributes: unsupported("demand a claim instead"),
    clientSignal: unsupported("remove it"),
  },
  misplaced: {
    scope: "write scopes: [accounts:read]",
    roles: "write claims: [{name: roles, contains: admin}]",
    claim: "write claims: [{name: …, equals: …}]",
    level: "write authenticationLevel: 2",
    acr: "write authenticationLevel: 2",
  },
  check({ authenticated, scopes, claims, owner: ownedBy, authenticationLevel }, place) {
    // Whoever empties it by mistake would let everybody in.
    if (Object.keys(place.value as object).length === 0) {
      refuse(place, "PKT0203", "demands nothing", "write what the caller needs, or remove require to let anybody in");
    }
    const needs = scopes ?? claims ?? ownedBy ?? authenticationLevel;
    if (authenticated !== false || needs === undefined) return;
    const message = "authenticated is false, but what else is demanded needs a principal";
    refuse({ ...place, path: `${place.path}.authenticated` }, "PKT0209", message, "remove authenticated: false");
  },
  build: ({ authenticated, scopes, claims, owner: ownedBy, authenticationLevel }): Requirement => ({
    authenticated: authenticated === true || (scopes ?? claims ?? ownedBy ?? authenticationLevel) !== undefined,
    scopes: scopes ?? [],
    claims: claims ?? [],
    owner: ownedBy,
    authenticationLevel,
  }),
});

/** Nothing is demanded: anonymous callers are let in. */
export const noRequirement: Requirement = { authenticated: false, scopes: [], claims: [] };
