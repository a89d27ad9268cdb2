import { algorithms, type Algorithm, type Identity, type JwtIssuer } from "../identity.ts";
import { keyUri } from "./key-uri.ts";
import { checkKeySet, keySetCharactersMax } from "./key-set.ts";
import { childPlace, refuse, refuseType, type Reader } from "./place.ts";
import { list, optional, record, required, unsupported } from "./record.ts";
import { claimName } from "./requirement.ts";
import { duration, text, word } from "./scalar.ts";

/** Issuers of one identity. */
export const issuersMax = 16;
/** Audiences of one issuer. */
export const audiencesMax = 16;
/** Places where a token of one issuer may stand. */
export const tokenPlacesMax = 4;

const printable = { pattern: /^[\x21-\x7e]+$/, fix: "use printable characters without blanks" } as const;

const algorithmWords: Readonly<Record<string, Algorithm>> = Object.fromEntries(
  algorithms.map((algorithm) => [algorithm, algorithm]),
);

const algorithm: Reader<Algorithm> = (place) => {
  const { value } = place;
  if (typeof value === "string" && (/^HS[0-9]/.test(value) || value.toLowerCase() === "none")) {
    const why = value.toLowerCase() === "none" ? "is no signature" : "is made with a shared secret";
    return refuse(
      place,
      "PKT0205",
      `${value} ${why} and is never accepted`,
      "use an issuer that signs with a key pair",
    );
  }
  return word(algorithmWords)(place);
};

const tokenHeader = text({
  max: 128,
  pattern: /^[a-z0-9-]+$/,
  form: "a header name",
  fix: "use lower-case letters, digits and - only",
});

const tokenPlace = record({
  shape: {
    header: required(tokenHeader, "write header: authorization"),
    scheme: required(
      text({ max: 32, pattern: /^[A-Za-z0-9-]+$/, form: "an authentication scheme", fix: "write scheme: Bearer" }),
      "write scheme: Bearer",
    ),
  },
  misplaced: {
    cookie: "take the token from a header: {header: authorization, scheme: Bearer}",
    query: "take the token from a header; a token in an address is written into logs",
  },
  build: ({ header, scheme }) => ({ header, scheme }),
});

/** Kept as text: the proxy reads it as it is. */
const inlineKeys: Reader<string> = (place) => {
  const { value } = place;
  if (typeof value !== "string") return refuseType(place, "the key set as text", `write inline: '{"keys":[…]}'`);
  if (value.length <= keySetCharactersMax) return value;
  const message = `has ${value.length} characters, more than ${keySetCharactersMax}`;
  return refuse(place, "PKT0206", message, "keep the keys that are in use");
};

const fetched = "write the key set into the file: inline: '{\"keys\":[…]}', or its address: uri: https://…";

const keySet = record({
  shape: {
    inline: optional(inlineKeys),
    uri: optional(keyUri),
    configMapRef: unsupported(fetched),
    secretRef: unsupported(fetched),
  },
  check(_values, place) {
    const { inline, uri, ...others } = place.value as { readonly inline?: unknown; readonly uri?: unknown };
    if (inline !== undefined && uri !== undefined) {
      refuse(childPlace(place, "uri", uri), "PKT0209", "does not go together with inline", "keep one of the two");
    }
    // One sentence is enough where another source is named, which is told already.
    if (inline !== undefined || uri !== undefined || Object.keys(others).length > 0) return;
    refuse(childPlace(place, "inline", undefined), "PKT0203", "inline is missing", fetched);
  },
  // `check` has seen that there is a key set.
  build: ({ inline, uri }): JwtIssuer["keys"] =>
    uri === undefined ? { kind: "inline", jwks: inline ?? "" } : { kind: "uri", uri },
});

const issuer: Reader<JwtIssuer> = record({
  shape: {
    issuer: required(
      text({ max: 256, form: "an issuer", ...printable }),
      "write issuer: and the claim iss of its tokens",
    ),
    audiences: required(
      list(text({ form: "an audience", ...printable }), {
        min: 1,
        max: audiencesMax,
        unique: { key: (item: string) => item, what: "audience" },
      }),
      "write audiences: and the claim aud that tokens for this API carry",
    ),
    jwks: required(keySet, fetched),
    from: optional(list(tokenPlace, { min: 1, max: tokenPlacesMax })),
    algorithms: required(
      list(algorithm, {
        min: 1,
        max: algorithms.length,
        unique: { key: (item: Algorithm) => item, what: "algorithm" },
      }),
      "write algorithms: [ES256]; they are never taken from the token",
    ),
    maxLifetime: optional(duration({ min: "1m", max: "24h" })),
  },
  misplaced: {
    audience: "write audiences: [bank-api]",
    jwksUri: "write jwks: {uri: https://…}",
    keys: `write jwks: {inline: …}`,
  },
  check({ jwks, algorithms: accepted }, place) {
    if (jwks?.kind !== "inline") return;
    checkKeySet(childPlace(childPlace(place, "jwks", undefined), "inline", undefined), jwks.jwks, accepted);
  },
  build: (values) => ({
    issuer: values.issuer,
    audiences: values.audiences,
    keys: values.jwks,
    from: values.from ?? [{ header: "authorization", scheme: "Bearer" }],
    algorithms: values.algorithms,
    maxLifetimeMs: values.maxLifetime ?? 24 * 60 * 60 * 1_000,
  }),
});

const claimed = record({
  shape: { claim: required(claimName, "write claim: sub") },
  build: ({ claim }) => claim,
});

const session = record({
  shape: {
    claim: optional(claimName),
    cookie: unsupported("name a claim of the token"),
    header: unsupported("name a claim of the token"),
  },
  check(_values, place) {
    // As with key sets: another source is told already.
    if (Object.keys(place.value as object).length > 0) return;
    refuse(childPlace(place, "claim", undefined), "PKT0203", "claim is missing", "write claim: sid");
  },
  build: ({ claim }) => claim,
});

/** Reads the `spec` of an ApiIdentity or ClusterApiIdentity. */
export const identitySpec: Reader<Pick<Identity, "jwt" | "principalClaim" | "sessionClaim">> = record({
  shape: {
    jwt: required(
      list(issuer, { min: 1, max: issuersMax, unique: { key: (item: JwtIssuer) => item.issuer, what: "issuer" } }),
      "name an issuer of tokens; other ways to identify callers are not enforced by this version",
    ),
    principal: optional(claimed),
    session: optional(session),
    apiKeys: unsupported("identify callers by tokens (jwt)"),
    clientCertificates: unsupported("identify callers by tokens (jwt)"),
    serviceAccounts: unsupported("identify callers by tokens (jwt)"),
    introspection: unsupported("identify callers by signed tokens (jwt)"),
    attributes: unsupported("demand the claim itself in a rule"),
    consent: unsupported("remove it"),
    clientSignal: unsupported("remove it"),
  },
  build: ({ jwt, principal, session: sessionClaim }) => ({
    jwt,
    principalClaim: principal ?? "sub",
    sessionClaim,
  }),
});
