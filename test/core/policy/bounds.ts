import { rulesMax, whenCharactersMax } from "../../../core/policy/parse/access.ts";
import { keyHostsMax, trustedHopsMax } from "../../../core/policy/parse/config.ts";
import { audiencesMax, issuersMax, tokenPlacesMax } from "../../../core/policy/parse/identity.ts";
import { keyUriCharactersMax } from "../../../core/policy/parse/key-uri.ts";
import { keySetCharactersMax } from "../../../core/policy/parse/key-set.ts";
import { limitKeysMax, limitsMax } from "../../../core/policy/parse/limits.ts";
import { labelCharactersMax, labelsMax, subdomainCharactersMax } from "../../../core/policy/parse/metadata.ts";
import { matchesMax } from "../../../core/policy/parse/operation.ts";
import { identityRefsMax, portsMax } from "../../../core/policy/parse/policy.ts";
import {
  authenticationLevelMax,
  claimNameCharactersMax,
  claimValuesMax,
  demandsMax,
} from "../../../core/policy/parse/requirement.ts";
import { namespacesMax, targetsMax } from "../../../core/policy/parse/target.ts";

/** A list of this length. */
export const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const text = (count: number): string => "x".repeat(count);

const object = (kind: string, spec: unknown, metadata: object = { name: "a", namespace: "bank" }): string =>
  JSON.stringify({ apiVersion: "picket.dev/v1alpha1", kind, metadata, spec });
/** The text of a policy with this spec. */
export const policy = (spec: object): string => object("ApiPolicy", { access: { default: "Deny" }, ...spec });
const rule = (more: object, name = "r"): object => ({ name, match: [{ path: "/a" }], effect: "Allow", ...more });
const withRule = (more: object): string => policy({ access: { default: "Deny", rules: [rule(more)] } });
const issuer = (index: number, more: object = {}): object => ({
  issuer: `https://id${index}.example`,
  audiences: ["api"],
  jwks: {
    inline:
      '{"keys":[{"kty":"EC","crv":"P-256","x":"xizmJExnfUTytiYm_O0MV7wJxFnTU015TtI1crNyuLU","y":"GyRGMCZsHD1PMKF_dTIIGXxh3nTWkFjyVCyJXXnlcnY","kid":"k1","alg":"ES256","use":"sig"}]}',
  },
  from: [{ header: "authorization", scheme: "Bearer" }],
  algorithms: ["ES256"],
  maxLifetime: "1h",
  ...more,
});
const identity = (jwt: readonly object[]): string => object("ApiIdentity", { jwt, principal: { claim: "sub" } });
const limit = (index: number, key: readonly unknown[] = ["Principal"]): object => ({
  name: `l${index}`,
  key,
  requests: 1,
  window: "1m",
});
const cluster = (spec: object): string =>
  object("ClusterApiPolicy", { access: { default: "Deny" }, ...spec }, { name: "a" });

/** Each bound of the readers with an object of that size, as JSON. */
export const bounds: readonly (readonly [name: string, max: number, make: (size: number) => string])[] = [
  ["rules", rulesMax, (n) => policy({ access: { default: "Deny", rules: many(n, (i) => rule({}, `r${i}`)) } })],
  ["characters of a when", whenCharactersMax, (n) => withRule({ when: `request.path == "${text(n - 18)}"` })],
  ["matches of a rule", matchesMax, (n) => withRule({ match: many(n, (i) => ({ path: `/a${i}` })) })],
  ["scopes", demandsMax, (n) => withRule({ require: { scopes: many(n, (i) => `s${i}`) } })],
  ["claims", demandsMax, (n) => withRule({ require: { claims: many(n, (i) => ({ name: `c${i}`, equals: "x" })) } })],
  [
    "values of a claim",
    claimValuesMax,
    (n) => withRule({ require: { claims: [{ name: "c", in: many(n, (i) => `v${i}`) }] } }),
  ],
  [
    "characters of a claim's name",
    claimNameCharactersMax,
    (n) => withRule({ require: { claims: [{ name: text(n), equals: "x" }] } }),
  ],
  ["the authentication level", authenticationLevelMax, (n) => withRule({ require: { authenticationLevel: n } })],
  ["limits", limitsMax, (n) => policy({ limits: many(n, (i) => limit(i)) })],
  [
    "parts of a limit's key",
    limitKeysMax,
    (n) =>
      policy({
        limits: [
          limit(
            0,
            many(n, (i) => ({ header: `x-${i}` })),
          ),
        ],
      }),
  ],
  ["ports", portsMax, (n) => policy({ ports: many(n, (i) => ({ port: 8_000 + i, protocol: "HTTP" })) })],
  ["identities", identityRefsMax, (n) => policy({ identityRefs: many(n, (i) => ({ name: `i${i}` })) })],
  [
    "targets",
    targetsMax,
    (n) => policy({ targetRefs: many(n, (i) => ({ group: "apps", kind: "Deployment", name: `w${i}` })) }),
  ],
  [
    "labels of a selector",
    labelsMax,
    (n) => policy({ selector: { matchLabels: Object.fromEntries(many(n, (i) => [`l${i}`, "x"])) } }),
  ],
  ["namespaces", namespacesMax, (n) => cluster({ namespaces: many(n, (i) => `n${i}`) })],
  ["characters of a label's value", labelCharactersMax, (n) => policy({ selector: { matchLabels: { a: text(n) } } })],
  [
    "characters of a name",
    subdomainCharactersMax,
    (n) => object("ApiPolicy", { access: { default: "Deny" } }, { name: text(n), namespace: "bank" }),
  ],
  ["issuers", issuersMax, (n) => identity(many(n, (i) => issuer(i)))],
  ["audiences", audiencesMax, (n) => identity([issuer(0, { audiences: many(n, (i) => `a${i}`) })])],
  [
    "places of a token",
    tokenPlacesMax,
    (n) => identity([issuer(0, { from: many(n, (i) => ({ header: `x-token-${i}`, scheme: "Bearer" })) })]),
  ],
  [
    "characters of a key set",
    keySetCharactersMax,
    (n) => {
      const [head, tail] = (issuer(0) as { jwks: { inline: string } }).jwks.inline.split('{"kty"') as [string, string];
      return identity([
        issuer(0, { jwks: { inline: `${head}${" ".repeat(n - head.length - tail.length - 6)}{"kty"${tail}` } }),
      ]);
    },
  ],
  [
    "characters of the address of a key set",
    keyUriCharactersMax,
    (n) => identity([issuer(0, { jwks: { uri: `https://id.example/`.padEnd(n, "x") } })]),
  ],
  [
    "hosts of keys",
    keyHostsMax,
    (n) => object("PicketConfig", { keys: { allowedHosts: many(n, (i) => `h${i}.example`) } }, { name: "default" }),
  ],
  [
    "trusted hops",
    trustedHopsMax,
    (n) => object("PicketConfig", { clientAddress: { trustedHops: n } }, { name: "default" }),
  ],
];
