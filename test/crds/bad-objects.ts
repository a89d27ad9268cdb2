import { algorithms } from "../../core/policy/identity.ts";

/** An object that the API server must refuse, and what its answer says. */
export interface BadObject {
  readonly title: string;
  readonly kind: string;
  /** Without it `a`, or `default` where there is only one. */
  readonly name?: string;
  readonly spec: unknown;
  /** A part of the message. */
  readonly says: string;
}

const many = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const text = (length: number): string => "a".repeat(length);

type Row = readonly [title: string, spec: unknown, says: string];
const of = (kind: string, rows: readonly Row[]): readonly BadObject[] =>
  rows.map(([title, spec, says]) => ({ title, kind, spec, says }));

/** A policy that is good but for one rule. */
const rules = (...list: readonly unknown[]): unknown => ({ access: { default: "Deny", rules: list } });
const rule = (more: object): unknown => rules({ name: "r", effect: "Allow", match: [{ path: "/a" }], ...more });
const path = (template: unknown): unknown => rule({ match: [{ path: template }] });
const require = (demands: unknown): unknown => rule({ require: demands });
const limit = (more: object): unknown => ({ limits: [{ name: "l", requests: 1, window: "1m", ...more }] });

const noName = "use lower-case letters, digits and -, with a letter or digit at both ends";

const policies: readonly Row[] = [
  ["spec missing", undefined, "spec: Required value"],
  ["spec that is a text", "Enforce", "must be of type object"],
  ["mode in lower case", { mode: "enforce" }, 'supported values: "Observe", "Shadow", "Enforce"'],
  ["mode that is a number", { mode: 1 }, "must be of type string"],
  ["mode without a value", { mode: null }, "Unsupported value: null"],
  ["strategy that is not there", { strategy: "Ceiling" }, 'supported values: "Default", "Floor"'],
  ["a field that is misspelt", { acess: {} }, "in spec there is no field acess"],
  ["a field of another place", { rules: [] }, "in spec there is no field rules"],
  ["the namespaces of a cluster policy", { namespaces: ["bank"] }, "in spec there is no field namespaces"],
  ["several unknown fields at once", { one: 1, two: 2 }, "or it has no value; the fields there are targetRefs"],
  ["a block without a value", { access: null }, "in spec there is no field access, or it has no value"],
  ["a list without a value", { limits: null }, "in spec there is no field limits, or it has no value"],
  // Targets
  ["a target without a name", { targetRefs: [{ kind: "Service" }] }, "spec.targetRefs[0].name: Required value"],
  ["a target without a kind", { targetRefs: [{ name: "a" }] }, "spec.targetRefs[0].kind: Required value"],
  ["a target that is a Pod", { targetRefs: [{ kind: "Pod", name: "a" }] }, 'Unsupported value: "Pod"'],
  [
    "a Gateway, which is not offered",
    { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "a" }] },
    'Unsupported value: "Gateway"',
  ],
  [
    "a Deployment without its group",
    { targetRefs: [{ kind: "Deployment", name: "a" }] },
    "write group: apps for Deployment",
  ],
  [
    "a Service of the group apps",
    { targetRefs: [{ group: "apps", kind: "Service", name: "a" }] },
    "no group for Service and Namespace",
  ],
  ["a target with a bad name", { targetRefs: [{ kind: "Service", name: "A_b" }] }, noName],
  [
    "a target in another namespace",
    { targetRefs: [{ kind: "Service", name: "a", namespace: "shop" }] },
    "in spec.targetRefs[] there is no field namespace",
  ],
  [
    "the same target twice",
    {
      targetRefs: [
        { kind: "Service", name: "a" },
        { kind: "Service", name: "a" },
      ],
    },
    "Duplicate value",
  ],
  ["no target at all", { targetRefs: [] }, "should have at least 1 items"],
  [
    "too many targets",
    { targetRefs: many(17, (i) => ({ kind: "Service", name: `a${i}` })) },
    "must have at most 16 items",
  ],
  ["another namespace", { targetRefs: [{ kind: "Namespace", name: "shop" }] }, "the policy's own namespace"],
  [
    "a namespace beside what it holds",
    {
      targetRefs: [
        { kind: "Namespace", name: "bank" },
        { kind: "Service", name: "a" },
      ],
    },
    "keep the Namespace alone",
  ],
  [
    "targets and a selector",
    { targetRefs: [{ kind: "Service", name: "a" }], selector: { matchLabels: { app: "a" } } },
    "keep one of targetRefs and selector",
  ],
  ["a selector without labels", { selector: {} }, "spec.selector.matchLabels: Required value"],
  ["a selector of no label", { selector: { matchLabels: {} } }, "should have at least 1 properties"],
  [
    "a selector of too many labels",
    { selector: { matchLabels: Object.fromEntries(many(65, (i) => [`l${i}`, "a"])) } },
    "must have at most 64 items",
  ],
  ["a label that is a number", { selector: { matchLabels: { app: 1 } } }, "must be of type string"],
  ["a label that is no label", { selector: { matchLabels: { app: "a b" } } }, "should match"],
  ["a label that is too long", { selector: { matchLabels: { app: text(64) } } }, "may not be more than 63"],
  [
    "a key of a label that is too long",
    { selector: { matchLabels: { [text(318)]: "a" } } },
    "shorten the key of the label",
  ],
  // Ports and identities
  ["port 0", { ports: [{ port: 0 }] }, "should be greater than or equal to 1"],
  ["port 65536", { ports: [{ port: 65_536 }] }, "should be less than or equal to 65535"],
  ["a port in quotes", { ports: [{ port: "8080" }] }, "must be of type integer"],
  ["a port twice", { ports: [{ port: 80 }, { port: 80 }] }, "Duplicate value"],
  ["a protocol that is not judged", { ports: [{ port: 80, protocol: "TCP" }] }, 'supported values: "HTTP"'],
  ["too many ports", { ports: many(17, (i) => ({ port: i + 1 })) }, "must have at most 16 items"],
  ["an identity twice", { identityRefs: [{ name: "a" }, { name: "a" }] }, "Duplicate value"],
  ["an identity by its text", { identityRefs: ["bank"] }, "must be of type object"],
  ["too many identities", { identityRefs: many(9, (i) => ({ name: `i${i}` })) }, "must have at most 8 items"],
  // Rules
  ["access by default maybe", { access: { default: "Maybe" } }, 'supported values: "Allow", "Deny"'],
  ["a rule without a name", rules({ effect: "Allow", match: [{ path: "/a" }] }), "rules[0].name: Required value"],
  ["a rule without an effect", rules({ name: "r", match: [{ path: "/a" }] }), "rules[0].effect: Required value"],
  ["a rule without a match", rules({ name: "r", effect: "Allow" }), "rules[0].match: Required value"],
  ["a rule that matches nothing", rule({ match: [] }), "should have at least 1 items"],
  ["a rule with a bad name", rule({ name: "My rule" }), noName],
  ["a rule with a long name", rule({ name: text(64) }), "may not be more than 63"],
  [
    "two rules of one name",
    rules(
      { name: "r", effect: "Allow", match: [{ path: "/a" }] },
      { name: "r", effect: "Deny", match: [{ path: "/b" }] },
    ),
    "Duplicate value",
  ],
  [
    "too many rules",
    rules(...many(129, (i) => ({ name: `r${i}`, effect: "Deny", match: [{ path: "/a" }] }))),
    "must have at most 128 items",
  ],
  ["a rule that challenges", rule({ effect: "Challenge" }), 'supported values: "Allow", "Deny"'],
  ["a condition that is misspelt", rule({ wehn: "false" }), "in spec.access.rules[] there is no field wehn"],
  [
    "a condition without a value",
    rule({ when: null }),
    "in spec.access.rules[] there is no field when, or it has no value",
  ],
  ["a condition that is empty", rule({ when: "" }), "should be at least 1 chars long"],
  ["a condition that is too long", rule({ when: text(1_025) }), "may not be more than 1024"],
  ["a condition that is a word of YAML", rule({ when: true }), "must be of type string"],
  [
    "a Deny with demands",
    rule({ effect: "Deny", require: { authenticated: true } }),
    "remove require: a Deny refuses whoever it matches",
  ],
  ["a mark in words", rule({ privileged: "yes" }), "must be of type boolean"],
  // Methods and paths
  ["a method in lower case", rule({ match: [{ methods: ["get"], path: "/a" }] }), 'Unsupported value: "get"'],
  ["CONNECT", rule({ match: [{ methods: ["CONNECT"], path: "/a" }] }), 'Unsupported value: "CONNECT"'],
  ["a method twice", rule({ match: [{ methods: ["GET", "GET"], path: "/a" }] }), "Duplicate value"],
  ["no method", rule({ match: [{ methods: [], path: "/a" }] }), "should have at least 1 items"],
  [
    "methods without a value",
    rule({ match: [{ methods: null, path: "/a" }] }),
    "there is no field methods, or it has no value",
  ],
  [
    "method instead of methods",
    rule({ match: [{ method: "GET", path: "/a" }] }),
    "in spec.access.rules[].match[] there is no field method,",
  ],
  ["a match without a path", rule({ match: [{ methods: ["GET"] }] }), "match[0].path: Required value"],
  ["too many matches", rule({ match: many(17, (i) => ({ path: `/${i}` })) }), "must have at most 16 items"],
  ["a path without a slash", path("v1/a"), "start the path with a slash"],
  ["an empty path", path(""), "should be at least 1 chars long"],
  ["a path of an empty segment", path("/a//b"), "write one slash between segments"],
  ["a path with ** in the middle", path("/a/**/b"), "use ** only as the last segment"],
  ["a path with * in a segment", path("/a/b*"), "use ** only as the last segment"],
  ["a parameter beside text", path("/a/x{id}"), "let a parameter be a whole segment"],
  ["a parameter that is not closed", path("/a/{id"), "write a parameter as {name}"],
  ["a parameter without a name", path("/a/{}"), "write a parameter as {name}"],
  ["a parameter of an unknown type", path("/a/{id:date}"), "write a parameter as {name}, {name:int} or {name:uuid}"],
  ["a parameter that starts with a digit", path("/a/{1st}"), "a name that starts with a letter"],
  ["a regular expression", path("/a/[0-9]+"), "without a query"],
  ["a query", path("/a?b=1"), "without a query"],
  ["path parameters", path("/a;v=1"), "without a query and ;"],
  ["a dot segment", path("/a/../b"), "after dot segments are removed"],
  ["an escaped dot segment", path("/a/%2e%2E/b"), "after dot segments are removed"],
  ["an escaped slash", path("/a%2Fb"), "remove the escape of a control character, slash"],
  ["an escaped zero", path("/a%00"), "remove the escape of a control character"],
  ["an escape that is none", path("/a%zz"), "other special characters as %XX"],
  ["a blank in a path", path("/a b"), "other special characters as %XX"],
  ["a line break in a path", path("/a\n"), "should match"],
  ["a path that is too long", path(`/${text(1_024)}`), "may not be more than 1024"],
  // Demands
  ["demands without a value", rule({ require: null }), "there is no field require, or it has no value"],
  ["demands that demand nothing", require({}), "should have at least 1 properties"],
  [
    "a demand that is misspelt",
    require({ scopess: ["a"] }),
    "in spec.access.rules[].require there is no field scopess",
  ],
  [
    "scopes without a value",
    require({ authenticated: true, scopes: null }),
    "there is no field scopes, or it has no value",
  ],
  ["no scope", require({ scopes: [] }), "should have at least 1 items"],
  ["a scope with a blank", require({ scopes: ["a b"] }), "write one scope for each entry"],
  ["a scope twice", require({ scopes: ["a", "a"] }), "Duplicate value"],
  ["too many scopes", require({ scopes: many(33, (i) => `s${i}`) }), "must have at most 32 items"],
  ["scopes as one text", require({ scopes: "a" }), "must be of type array"],
  ["a claim without a name", require({ claims: [{ equals: 1 }] }), "claims[0].name: Required value"],
  [
    "a claim of which nothing is said",
    require({ claims: [{ name: "a" }] }),
    "write exactly one of equals, in and contains",
  ],
  [
    "a claim of which two things are said",
    require({ claims: [{ name: "a", equals: 1, contains: 1 }] }),
    "write exactly one of equals, in and contains",
  ],
  [
    "a claim that equals nothing",
    require({ claims: [{ name: "a", equals: null }] }),
    "there is no field equals, or it has no value",
  ],
  [
    "a claim that equals a mapping",
    require({ claims: [{ name: "a", equals: { b: 1 } }] }),
    "must have at most 0 items",
  ],
  ["a claim that equals a list", require({ claims: [{ name: "a", equals: [1] }] }), "must have at most 0 items"],
  [
    "a claim that equals an inexact number",
    require({ claims: [{ name: "a", equals: 2 ** 53 }] }),
    "should be less than or equal to 9007199254740991",
  ],
  ["a claim that is in nothing", require({ claims: [{ name: "a", in: [] }] }), "should have at least 1 items"],
  [
    "too many values of a claim",
    require({ claims: [{ name: "a", in: many(65, (i) => i) }] }),
    "must have at most 64 items",
  ],
  [
    "a name of a claim that is too long",
    require({ claims: [{ name: text(129), equals: 1 }] }),
    "may not be more than 128",
  ],
  ["a claim with a colour code", require({ claims: [{ name: "a", equals: "\u001b[31m" }] }), "should match"],
  ["false beside demands", require({ authenticated: false, scopes: ["a"] }), "remove authenticated: false"],
  [
    "false beside claims",
    require({ authenticated: false, claims: [{ name: "a", equals: 1 }] }),
    "remove authenticated: false",
  ],
  ["an owner without a claim", require({ owner: { path: "id" } }), "owner.claim: Required value"],
  [
    "an owner that no path names",
    require({ owner: { path: "id", claim: "sub" } }),
    "name in require.owner.path a parameter",
  ],
  ["level 0", require({ authenticationLevel: 0 }), "should be greater than or equal to 1"],
  ["level 1000", require({ authenticationLevel: 1_000 }), "should be less than or equal to 999"],
  // Limits
  ["a limit without a window", { limits: [{ name: "l", requests: 1 }] }, "limits[0].window: Required value"],
  ["a limit of nothing", limit({ requests: 0 }), "should be greater than or equal to 1"],
  ["a limit of too much", limit({ requests: 1_000_001 }), "should be less than or equal to 1000000"],
  ["a window without a unit", limit({ window: "60" }), "write a duration from 1s to 24h"],
  ["a window in two units", limit({ window: "1m30s" }), "write a duration from 1s to 24h"],
  ["a window that is too short", limit({ window: "999ms" }), "write a duration from 1s to 24h"],
  ["a window that is too long", limit({ window: "25h" }), "write a duration from 1s to 24h"],
  ["a window of two days", limit({ window: "2d" }), "write a duration from 1s to 24h"],
  ["a window of a huge number", limit({ window: "99999999999h" }), "may not be more than 11"],
  ["a key that is not there", limit({ key: ["Caller"] }), "count in key per Principal, Credential"],
  ["a key of two things", limit({ key: [{ claim: "a", header: "b" }] }), "must have at most 1 item"],
  ["a key of something else", limit({ key: [{ cookie: "a" }] }), "count in key per Principal, Credential"],
  ["a key twice", limit({ key: ["Principal", "Principal"] }), "count in key per each thing once"],
  ["a claim twice in a key", limit({ key: [{ claim: "a" }, { claim: "a" }] }), "count in key per each thing once"],
  ["a key that is a number", limit({ key: [1] }), "count in key per Principal, Credential"],
  ["a key that is a secret", limit({ key: [{ header: "authorization" }] }), "is a secret"],
  ["a header in capitals", limit({ key: [{ header: "X-Tenant" }] }), "should match"],
  [
    "too many keys",
    limit({ key: ["Principal", "Session", "Operation", "SourceAddress", "Credential"] }),
    "must have at most 4 items",
  ],
  ["two limits of one name", { limits: many(2, () => ({ name: "l", requests: 1, window: "1m" })) }, "Duplicate value"],
  [
    "too many limits",
    { limits: many(33, (i) => ({ name: `l${i}`, requests: 1, window: "1m" })) },
    "must have at most 32 items",
  ],
  [
    "a limit that is stricter than its policy",
    { mode: "Shadow", ...(limit({ mode: "Enforce" }) as object) },
    "write a mode of the limit that is milder",
  ],
  // Guards, failure, denial
  ["depth without a bound of bytes", { guards: { maxJsonDepth: 4 } }, "add maxBodyBytes: 65536 beside maxJsonDepth"],
  ["depth beside too many bytes", { guards: { maxJsonDepth: 4, maxBodyBytes: 65_537 } }, "write at most 65536"],
  ["bodies that are too large", { guards: { maxBodyBytes: 1_048_577 } }, "should be less than or equal to 1048576"],
  ["a depth that is too deep", { guards: { maxBodyBytes: 1, maxJsonDepth: 65 } }, "should be less than or equal to 64"],
  ["ambiguous paths that pass", { guards: { ambiguousPath: "Allow" } }, 'supported values: "Deny"'],
  ["an unknown guard", { guards: { maxBody: 1 } }, "in spec.guards there is no field maxBody"],
  ["a failure that challenges", { failure: { decision: "Challenge" } }, 'supported values: "Allow", "Deny"'],
  ["a wait that is too short", { failure: { timeout: "4ms" } }, "write a duration from 5ms to 1s"],
  ["a wait of a day", { failure: { timeout: "1d" } }, "write a duration from 5ms to 1s"],
  ["keys that serve for ever", { failure: { keysMaxStale: "31d" } }, "write a duration from 1m to 30d"],
  ["limits that are not local", { failure: { limits: "Global" } }, 'supported values: "Local"'],
  ["a refusal in HTML", { denial: { body: "Html" } }, 'supported values: "Problem", "Empty"'],
  ["a refusal that tells in words", { denial: { showReason: "yes" } }, "must be of type boolean"],
  // Floors
  [
    "a floor for a workload",
    { strategy: "Floor", targetRefs: [{ kind: "Service", name: "a" }] },
    "a Floor is for a whole namespace",
  ],
  [
    "a floor for labels",
    { strategy: "Floor", selector: { matchLabels: { app: "a" } } },
    "a Floor is for a whole namespace",
  ],
  ["a floor with identities", { strategy: "Floor", identityRefs: [{ name: "a" }] }, "a Floor cannot let callers in"],
  [
    "a floor that lets pass",
    { strategy: "Floor", failure: { decision: "Allow" } },
    "a Floor cannot let requests pass unjudged",
  ],
  ["a floor with a wait", { strategy: "Floor", failure: { timeout: "10ms" } }, "no wait is stricter than another"],
  [
    "a floor with a form of refusals",
    { strategy: "Floor", denial: { body: "Empty" } },
    "nothing that a Floor tightens",
  ],
  [
    "a floor that tells more",
    { strategy: "Floor", denial: { showReason: true } },
    "a Floor cannot make refusals tell more",
  ],
  // Not enforced yet, and checked all the same
  [
    "a rate beyond reason",
    { anomaly: { falsePositivesPerMillion: 100_001 } },
    "should be less than or equal to 100000",
  ],
  [
    "anomaly stricter than its policy",
    { mode: "Observe", anomaly: { mode: "Shadow" } },
    "write a mode of anomaly that is milder",
  ],
  [
    "schema stricter than its policy",
    { mode: "Shadow", schema: { openapi: { configMapRef: { name: "a", key: "b" } }, mode: "Enforce" } },
    "write a mode of schema that is milder",
  ],
  [
    "a step up to a plain address",
    { accounts: { stepUp: { challengeUrl: "http://id.example" } } },
    "write an address that starts with https://",
  ],
  [
    "an unknown field deep below",
    { accounts: { login: { match: [{ path: "/l", verb: "POST" }] } } },
    "in spec.accounts.login.match[] there is no field verb",
  ],
];

const clusterPolicies: readonly Row[] = [
  ["targets", { targetRefs: [{ kind: "Service", name: "a" }] }, "in spec there is no field targetRefs"],
  ["a namespace with a dot", { namespaces: ["a.b"] }, noName],
  ["a namespace twice", { namespaces: ["a", "a"] }, "Duplicate value"],
  ["no namespace", { namespaces: [] }, "should have at least 1 items"],
  ["too many namespaces", { namespaces: many(65, (i) => `n${i}`) }, "must have at most 64 items"],
  [
    "a floor that lets pass",
    { strategy: "Floor", failure: { decision: "Allow" } },
    "a Floor cannot let requests pass unjudged",
  ],
  [
    "claims of which nothing is said",
    require({ claims: [{ name: "a" }] }),
    "write exactly one of equals, in and contains",
  ],
];

const issuer = (more: object = {}): object => ({
  issuer: "https://id.bank.example",
  audiences: ["bank-api"],
  algorithms: ["ES256"],
  jwks: { uri: "https://id.bank.example/jwks" },
  ...more,
});
const jwt = (more: object): unknown => ({ jwt: [issuer(more)] });
const without = (field: string): unknown => ({
  jwt: [Object.fromEntries(Object.entries(issuer()).filter(([name]) => name !== field))],
});

const identities: readonly Row[] = [
  ["no way to know a caller", {}, "write jwt: and an issuer of tokens"],
  ["no issuer", { jwt: [] }, "should have at least 1 items"],
  ["an issuer twice", { jwt: [issuer(), issuer()] }, "Duplicate value"],
  [
    "too many issuers",
    { jwt: many(17, (i) => issuer({ issuer: `https://id${i}.example` })) },
    "must have at most 16 items",
  ],
  ["an issuer with a blank", jwt({ issuer: "a b" }), "use printable characters without blanks"],
  ["an issuer without audiences", without("audiences"), "jwt[0].audiences: Required value"],
  ["no audience", jwt({ audiences: [] }), "should have at least 1 items"],
  ["an audience twice", jwt({ audiences: ["a", "a"] }), "Duplicate value"],
  ["an issuer without algorithms", without("algorithms"), "jwt[0].algorithms: Required value"],
  ["a shared secret", jwt({ algorithms: ["HS256"] }), 'Unsupported value: "HS256"'],
  ["no signature", jwt({ algorithms: ["none"] }), 'Unsupported value: "none"'],
  ["an algorithm twice", jwt({ algorithms: [algorithms[0], algorithms[0]] }), "Duplicate value"],
  ["an issuer without keys", without("jwks"), "jwt[0].jwks: Required value"],
  ["keys from nowhere", jwt({ jwks: {} }), "write exactly one of inline, uri, configMapRef and secretRef"],
  [
    "keys from two places",
    jwt({ jwks: { inline: "{}", uri: "https://a.example" } }),
    "write exactly one of inline, uri",
  ],
  [
    "keys from a plain address",
    jwt({ jwks: { uri: "http://a.example/jwks" } }),
    "write an address such as https://id.example",
  ],
  ["keys from a file", jwt({ jwks: { uri: "file:///etc/passwd" } }), "write an address such as https://id.example"],
  [
    "keys from an address with a password",
    jwt({ jwks: { uri: "https://a:b@id.example/jwks" } }),
    "without a name or password in it",
  ],
  ["an address that is too long", jwt({ jwks: { uri: `https://${text(505)}` } }), "may not be more than 512"],
  ["a key set that is too long", jwt({ jwks: { inline: text(262_145) } }), "may not be more than 262144"],
  [
    "a token in a query",
    jwt({ from: [{ header: "a", scheme: "Bearer", query: "token" }] }),
    "in spec.jwt[].from[] there is no field query",
  ],
  [
    "a header in capitals",
    jwt({ from: [{ header: "Authorization", scheme: "Bearer" }] }),
    "in lower-case letters, digits and -",
  ],
  ["a scheme with a blank", jwt({ from: [{ header: "authorization", scheme: "Be arer" }] }), "write scheme: Bearer"],
  [
    "too many places",
    jwt({ from: many(5, (i) => ({ header: `h${i}`, scheme: "Bearer" })) }),
    "must have at most 4 items",
  ],
  ["a life without end", jwt({ maxLifetime: "25h" }), "write a duration from 1m to 24h"],
  ["a principal without a claim", { jwt: [issuer()], principal: {} }, "spec.principal.claim: Required value"],
  [
    "a session of two things",
    { jwt: [issuer()], session: { claim: "sid", cookie: "sid" } },
    "write exactly one of claim, cookie and header",
  ],
];

const configs: readonly Row[] = [
  ["too many hops", { clientAddress: { trustedHops: 11 } }, "should be less than or equal to 10"],
  ["hops below zero", { clientAddress: { trustedHops: -1 } }, "should be greater than or equal to 0"],
  ["hops in the wrong place", { trustedHops: 1 }, "in spec there is no field trustedHops"],
  [
    "a host that is an address",
    { keys: { allowedHosts: ["https://id.bank.example"] } },
    "write a host such as id.bank.example",
  ],
  ["a host with * inside", { keys: { allowedHosts: ["id.*.example"] } }, "write a host such as id.bank.example"],
  ["every host", { keys: { allowedHosts: ["*"] } }, "write a host such as id.bank.example"],
  ["too many hosts", { keys: { allowedHosts: many(65, (i) => `h${i}.example`) } }, "must have at most 64 items"],
];

const services: readonly Row[] = [
  ["no owner", {}, "spec.owner: Required value"],
  ["a life that is not there", { owner: "team", lifecycle: "Zombie" }, 'Unsupported value: "Zombie"'],
  [
    "an end of what goes on",
    { owner: "team", sunset: "2027-01-31" },
    "write lifecycle: Deprecated or Retired beside sunset",
  ],
  ["an end that is no day", { owner: "team", lifecycle: "Retired", sunset: "soon" }, "must be of type date"],
  [
    "a document from a secret",
    { owner: "team", openapi: { secretRef: { name: "a", key: "b" } } },
    "spec.openapi.configMapRef: Required value",
  ],
];

const block = (more: object): unknown => ({
  selector: { match: [{ path: "/login" }] },
  action: "Deny",
  expiresAfter: "1h",
  owner: "fraud team",
  reason: "stuffing",
  ...more,
});
const blocks: readonly Row[] = [
  [
    "no end",
    { selector: { match: [{ path: "/login" }] }, action: "Deny", owner: "a", reason: "b" },
    "spec.expiresAfter: Required value",
  ],
  ["an end that is too far", block({ expiresAfter: "721h" }), "write a duration from 1m to 720h"],
  ["an end in 31 days", block({ expiresAfter: "31d" }), "write a duration from 1m to 720h"],
  ["a selector of nothing", block({ selector: {} }), "should have at least 1 properties"],
  ["a throttle without a measure", block({ action: "Throttle" }), "write throttle with action: Throttle"],
  ["a measure without a throttle", block({ throttle: { requests: 1, window: "1m" } }), "and only with it"],
  ["an action that is not there", block({ action: "Allow" }), 'supported values: "Deny", "Challenge", "Throttle"'],
  [
    "more matched than looked at",
    block({ backtest: { requests: 1, matched: 2 } }),
    "write in matched at most as many as in requests",
  ],
  ["a user in the clear", block({ selector: { users: ["ann"] } }), "in spec.selector there is no field users"],
];

const grant = (more: object): unknown => ({
  principal: { claim: "sub", equals: "ann" },
  permission: { policyRef: { name: "accounts" }, rule: "admins" },
  approver: "bob",
  expiresAfter: "8h",
  ...more,
});
const grants: readonly Row[] = [
  ["nobody who approved", grant({ approver: undefined }), "spec.approver: Required value"],
  ["an approval of one's own", grant({ approver: "ann" }), "let somebody else approve it"],
  [
    "a permission of nothing",
    grant({ permission: { policyRef: { name: "a" } } }),
    "write exactly one of rule and operations",
  ],
  [
    "a permission of two things",
    grant({ permission: { policyRef: { name: "a" }, rule: "r", operations: [{ path: "/a" }] } }),
    "write exactly one of rule and operations",
  ],
  ["no end", grant({ expiresAfter: undefined }), "spec.expiresAfter: Required value"],
  ["an end that is too far", grant({ expiresAfter: "30d1h" }), "write a duration from 1m to 720h"],
];

export const badObjects: readonly BadObject[] = [
  ...of("ApiPolicy", policies),
  ...of("ClusterApiPolicy", clusterPolicies),
  ...of("ApiIdentity", identities),
  ...of("ClusterApiIdentity", [["no way to know a caller", {}, "write jwt: and an issuer of tokens"]]),
  { title: "another name", kind: "PicketConfig", name: "other", spec: {}, says: "write metadata.name: default" },
  ...of("PicketConfig", configs),
  ...of("ApiService", services),
  ...of("ApiBlock", blocks),
  ...of("ApiGrant", grants),
];

/** A change of a good object that the API server must refuse. */
export interface BadChange {
  readonly title: string;
  readonly kind: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly says: string;
}

export const badChanges: readonly BadChange[] = [
  {
    title: "another selector",
    kind: "ApiBlock",
    before: block({}),
    after: block({ selector: { match: [{ path: "/**" }] } }),
    says: "make a new ApiBlock: what a block matches was approved as it is",
  },
  {
    title: "an approval that is taken back",
    kind: "ApiBlock",
    before: block({ approvedBy: "bob" }),
    after: block({}),
    says: "keep approvedBy as it was",
  },
  {
    title: "an approval by somebody else",
    kind: "ApiBlock",
    before: block({ approvedBy: "bob" }),
    after: block({ approvedBy: "eve" }),
    says: "keep approvedBy as it was",
  },
  {
    title: "a longer grant",
    kind: "ApiGrant",
    before: grant({}),
    after: grant({ expiresAfter: "9h" }),
    says: "make a new ApiGrant: what was approved cannot be changed",
  },
  {
    title: "a grant for somebody else",
    kind: "ApiGrant",
    before: grant({}),
    after: grant({ principal: { claim: "sub", equals: "eve" } }),
    says: "make a new ApiGrant: what was approved cannot be changed",
  },
];

/** Good objects of the kinds that no example has. */
export const goodObjects: readonly { readonly kind: string; readonly spec: unknown }[] = [
  { kind: "ApiService", spec: { owner: "team", lifecycle: "Deprecated", sunset: "2027-01-31" } },
  { kind: "ApiBlock", spec: block({ action: "Throttle", throttle: { requests: 5, window: "1m" }, approvedBy: "bob" }) },
  { kind: "ApiGrant", spec: grant({ permission: { policyRef: { name: "a" }, operations: [{ path: "/a/{id}" }] } }) },
  {
    kind: "PicketConfig",
    spec: { keys: { allowedHosts: ["id.bank.example", "*.example.org"], allowPrivateAddresses: false } },
  },
  { kind: "ClusterApiIdentity", spec: jwt({ jwks: { configMapRef: { name: "keys", key: "jwks.json" } } }) },
  {
    kind: "ApiPolicy",
    spec: {
      mode: "Shadow",
      ...(limit({
        mode: "Observe",
        key: ["Principal", { claim: "tenant" }, { header: "x-tenant" }],
        window: "1d",
      }) as object),
      ...(rules({
        name: "r",
        effect: "Allow",
        match: [{ path: "/a/{id:int}/{key:uuid}/**" }, { path: "/" }, { path: "/**" }, { path: "/ü/%C3%BC/a:b,c/" }],
        require: {
          claims: [
            { name: "a", in: [1, "1", true, 1.5] },
            { name: "b", contains: false },
          ],
        },
      }) as object),
      failure: { timeout: "1s", keysMaxStale: "30d" },
      anomaly: { modelRef: { name: "m" }, onSuspicious: "Challenge", inline: "Auto", bodies: { maxBytes: 0 } },
      accounts: { login: { match: [{ path: "/login" }], account: { body: "/user" }, failure: { status: [401] } } },
      data: { classes: [{ name: "health", fields: ["/diagnosis"] }], requireTls: true, mask: ["health"] },
      integrity: {
        signatures: { secretRef: { name: "k", key: "pem" } },
        contentDigest: "Required",
        replayWindow: "5m",
      },
      privacy: { headers: ["x-channel"], retention: "30d" },
    },
  },
];
