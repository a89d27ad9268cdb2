import type { EffectiveLimit, EffectivePolicy, EffectiveRule } from "../../../core/policy/effective-policy.ts";
import { denialDefault, failureDefault } from "../../../core/policy/effective-policy.ts";
import type { Identity, InstallConfig, JwtIssuer, Workload } from "../../../core/policy/identity.ts";
import type { OperationMatch, Requirement } from "../../../core/policy/policy.ts";
import type { FetchedKeys } from "../../../operator/translate/issuers.ts";

/** One input of the translation with a name for its golden files. */
export interface TranslationCase {
  readonly name: string;
  readonly policy: EffectivePolicy;
  readonly install: InstallConfig;
  readonly keys: ReadonlyMap<string, FetchedKeys>;
}

const origin = { file: "case.yaml", line: 1 };
const nothing: Requirement = { authenticated: false, scopes: [], claims: [] };

/** Public halves of key pairs whose private halves nobody has. */
const ecKey = {
  kty: "EC",
  crv: "P-256",
  x: "xizmJExnfUTytiYm_O0MV7wJxFnTU015TtI1crNyuLU",
  y: "GyRGMCZsHD1PMKF_dTIIGXxh3nTWkFjyVCyJXXnlcnY",
};
const edwardsKey = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };

export const bankKeys = JSON.stringify({ keys: [{ ...ecKey, kid: "bank-1", alg: "ES256", use: "sig" }] });
export const partnerKeys = JSON.stringify({ keys: [{ ...edwardsKey, kid: "partner-1" }] });
const partnerUri = "https://partner.example/jwks";

const bankIssuer: JwtIssuer = {
  issuer: "https://id.bank.example",
  audiences: ["bank-api"],
  keys: { kind: "inline", jwks: bankKeys },
  from: [{ header: "authorization", scheme: "Bearer" }],
  algorithms: ["ES256"],
  maxLifetimeMs: 3_600_000,
};

export const bank: Identity = {
  id: { kind: "ApiIdentity", namespace: "bank", name: "bank" },
  origin,
  jwt: [bankIssuer],
  principalClaim: "sub",
  sessionClaim: "sid",
};

const partner: Identity = {
  id: { kind: "ApiIdentity", namespace: "bank", name: "partner" },
  origin,
  jwt: [
    {
      issuer: "https://partner.example",
      audiences: ["bank-api"],
      keys: { kind: "uri", uri: partnerUri },
      from: [{ header: "X-Partner-Token", scheme: "" }],
      algorithms: ["EdDSA"],
      maxLifetimeMs: 900_000,
    },
  ],
  principalClaim: "client_id",
};

export const accounts: Workload = {
  id: { kind: "Workload", namespace: "bank", name: "accounts" },
  origin,
  labels: { app: "accounts" },
  listen: { host: "127.0.0.1", port: 18_081 },
  upstream: { host: "127.0.0.1", port: 19_081 },
};

export const install: InstallConfig = { origin, trustedHops: 0 };

export function allowing(name: string, match: readonly OperationMatch[], require: Partial<Requirement> = {}): EffectiveRule {
  const demands = { ...nothing, ...require };
  return { name, policy: "bank/accounts", effect: "allow", match, require: demands, privileged: false };
}

function limit(name: string, fields: Partial<EffectiveLimit>): EffectiveLimit {
  return { name, policy: "bank/accounts", match: [], key: [], requests: 100, windowMs: 60_000, ...fields };
}

const ownerReads = allowing("owner-reads", [{ methods: ["GET"], path: "/v1/accounts/{accountId}/**" }], {
  authenticated: true,
  scopes: ["accounts:read"],
  owner: { path: "accountId", claim: "account" },
});
const health = allowing("health", [{ methods: ["GET"], path: "/healthz" }]);

export const enforced: EffectivePolicy = {
  workload: accounts,
  mode: "enforce",
  gates: [{ policy: "bank/accounts", default: "deny", demands: false, rules: [health, ownerReads] }],
  limits: [],
  guards: {},
  failure: failureDefault,
  denial: denialDefault,
  identities: [bank],
  lines: [],
  sources: [],
};

/** A thousand rules of one shape, as a large generated policy has them. */
export function manyRules(count: number): EffectivePolicy {
  const rules = Array.from({ length: count }, (_, i) =>
    allowing(`rule-${i}`, [{ methods: ["GET", "POST"], path: `/v1/resource-${i}/{id}/items/{item:int}` }], {
      authenticated: true,
    }),
  );
  return { ...enforced, gates: [{ policy: "bank/accounts", default: "deny", demands: false, rules }] };
}

function testCase(name: string, policy: EffectivePolicy, others: Partial<TranslationCase> = {}): TranslationCase {
  return { name, policy, install, keys: new Map(), ...others };
}

export const cases: readonly TranslationCase[] = [
  testCase("enforce", enforced),
  testCase("shadow", { ...enforced, mode: "shadow", guards: { maxBodyBytes: 4096, maxJsonDepth: 8 } }),
  testCase("observe", { ...enforced, mode: "observe", gates: [], identities: [] }),
  testCase("fail-open", { ...enforced, failure: { decision: "allow", timeoutMs: 250, keysMaxStaleMs: 60_000 } }),
  testCase("limits", {
    ...enforced,
    limits: [
      limit("per-principal", { key: [{ kind: "principal" }], burst: 20 }),
      limit("login", { match: [{ methods: ["POST"], path: "/login" }], key: [{ kind: "sourceNetwork" }], requests: 10 }),
      limit("total", { requests: 1000, windowMs: 1000 }),
      limit("total-per-minute", { requests: 6000, burst: 500 }),
      limit("total-shadow", { requests: 1, mode: "shadow" }),
    ],
  }),
  testCase("guards", { ...enforced, guards: { maxBodyBytes: 16_384, maxJsonDepth: 8 } }),
  testCase("body-size", { ...enforced, guards: { maxBodyBytes: 16_384 } }),
  testCase(
    "two-issuers",
    { ...enforced, identities: [bank, partner] },
    { keys: new Map([[partnerUri, { jwks: partnerKeys, stale: false }]]), install: { ...install, trustedHops: 1 } },
  ),
  testCase("keys-missing", { ...enforced, identities: [bank, partner] }),
  testCase("templates", {
    ...enforced,
    gates: [
      {
        policy: "bank/accounts",
        default: "deny",
        demands: false,
        rules: [
          allowing("everything", [{ methods: [], path: "/**" }]),
          allowing("root", [{ methods: [], path: "/" }]),
          allowing("tree", [{ methods: ["PUT", "PATCH"], path: "/files/**" }]),
          allowing("any-first", [{ methods: ["GET"], path: "/{tenant}/users/{id:uuid}" }]),
          allowing("users", [{ methods: ["GET"], path: "/bank/users/{id:int}" }]),
          allowing("me", [{ methods: ["GET"], path: "/bank/users/me" }]),
          allowing("odd", [{ methods: [], path: "/a-b_c.d~e/!$&'()+,=:@%20/{x}/**" }]),
        ],
      },
    ],
  }),
];
