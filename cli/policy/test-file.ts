import type { ClaimValue } from "../../core/access/principal.ts";
import { anything, metadata } from "../../core/policy/parse/metadata.ts";
import { nearestName } from "../../core/policy/parse/nearest-name.ts";
import {
  childPlace,
  refuse,
  refuseType,
  Report,
  show,
  type Place,
  type Reader,
} from "../../core/policy/parse/place.ts";
import { isMapping, list, optional, record, required, unsupported } from "../../core/policy/parse/record.ts";
import type { SourceDocument } from "../../core/policy/parse/source-document.ts";
import { duration, flag, text, whole, word } from "../../core/policy/parse/scalar.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { parseAddress } from "../../core/request/address.ts";
import { reasons, type Reason, type VerdictKind } from "../../core/verdict/reason.ts";
import type { DescribedToken } from "../offline/principal.ts";

/** The group of policy tests: never applied to anything. */
export const testApiVersion = "test.picket.dev/v1alpha1";
/** Cases of one test, and steps of one sequence. */
export const casesMax = 1_000;
/** Repetitions of one step. */
export const repeatMax = 10_000;
/** Headers of one request. */
export const testHeadersMax = 100;

export interface TestRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
  readonly token: DescribedToken | undefined;
  readonly sourceIp: string;
}

export interface Expectation {
  readonly verdict: VerdictKind;
  readonly status: number | undefined;
  readonly reason: Reason | undefined;
  readonly rule: string | undefined;
  readonly policy: string | undefined;
  readonly detail: string | undefined;
  readonly retryAfter: { readonly comparison: "<=" | ">=" | "="; readonly seconds: number } | undefined;
}

export interface TestStep {
  readonly request: TestRequest;
  readonly expect: Expectation;
  readonly repeat: number;
  readonly everyMs: number;
  readonly afterMs: number;
}

export interface TestCase {
  readonly name: string;
  readonly line: number;
  readonly steps: readonly TestStep[];
}

export interface PolicyTest {
  readonly name: string;
  readonly file: string;
  /** As written, from the folder of the file. */
  readonly policies: readonly string[];
  readonly workload: string | undefined;
  readonly nowMs: number;
  readonly cases: readonly TestCase[];
}

/** Where time stands in a test that names none. */
const nowDefaultMs = Date.UTC(2026, 0, 1);

const method = text({ max: 32, form: "a method" });
const path = text({ max: 16_384, form: "a path" });

const headers: Reader<readonly (readonly [string, string])[]> = (place) => {
  if (!isMapping(place.value)) return refuseType(place, "a mapping of headers", "write headers: {x-channel: app}");
  const before = place.report.count;
  const found: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(place.value)) {
    const at = childPlace(place, name, value);
    // A list sends the header several times.
    for (const one of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof one !== "string") refuseType({ ...at, value: one }, "text", "put it in quotes");
      else found.push([name, one]);
    }
  }
  if (found.length > testHeadersMax) refuse(place, "PKT0206", `more than ${testHeadersMax} headers`, "send fewer");
  return place.report.count === before ? found : undefined;
};

const token: Reader<DescribedToken> = (place) => {
  if (!isMapping(place.value)) return refuseType(place, "the claims of a token", "write token: {iss: bank, sub: u-1}");
  const { expired, invalid, ...claims } = place.value;
  const before = place.report.count;
  for (const name of ["expired", "invalid"] as const) {
    if (place.value[name] !== undefined) flag(childPlace(place, name, place.value[name]));
  }
  if (place.report.count !== before) return undefined;
  const condition = expired === true ? "expired" : invalid === true ? "invalid" : "good";
  return { claims: claims as Readonly<Record<string, ClaimValue>>, condition };
};

const sourceIp: Reader<string> = (place) => {
  const { value } = place;
  const address = typeof value === "string" ? parseAddress(value) : undefined;
  return address ?? refuse(place, "PKT0207", `${show(value)} is not an IP address`, "write sourceIp: 203.0.113.9");
};

/** Text is sent as it is; anything else as JSON. */
const body: Reader<{ readonly bytes: Uint8Array; readonly isJson: boolean }> = (place) => {
  const { value } = place;
  const isJson = typeof value !== "string";
  return { bytes: new TextEncoder().encode(isJson ? JSON.stringify(value ?? null) : value), isJson };
};

const request: Reader<TestRequest> = record({
  shape: {
    method: required(method, "write method: GET"),
    path: required(path, "write path: /v1/accounts/1"),
    host: optional(text()),
    headers: optional(headers),
    body: optional(body),
    token: optional(token),
    sourceIp: optional(sourceIp),
    fixture: unsupported("describe the request in the test"),
  },
  misplaced: { url: "write path: and host:", principal: "write token: {sub: …}", claims: "write token: {sub: …}" },
  build(values) {
    const given = values.headers ?? [];
    const hasType = given.some(([name]) => name.toLowerCase() === "content-type");
    const typed = values.body?.isJson === true && !hasType;
    return {
      method: values.method,
      path: values.path,
      host: values.host ?? "localhost",
      headers: typed ? [...given, ["content-type", "application/json"] as const] : given,
      body: values.body?.bytes,
      token: values.token,
      sourceIp: values.sourceIp ?? "192.0.2.1",
    };
  },
});

const reason: Reader<Reason> = (place) => {
  const { value } = place;
  if (typeof value === "string" && Object.hasOwn(reasons, value)) return value as Reason;
  const near = typeof value === "string" ? nearestName(value, Object.keys(reasons)) : undefined;
  const fix = near === undefined ? "take one of the words that decisions carry" : `did you mean ${near}?`;
  return refuse(place, "PKT0205", `${show(value)} is not a reason`, fix);
};

const retryAfter: Reader<NonNullable<Expectation["retryAfter"]>> = (place) => {
  const { value } = place;
  const found = typeof value === "string" ? /^(<=|>=|)([0-9]{1,6})s$/.exec(value) : null;
  if (found === null) {
    return refuse(place, "PKT0207", `${show(value)} is not a wait`, 'write "<=60s", ">=5s" or "30s"');
  }
  const comparison = found[1] === "<=" ? "<=" : found[1] === ">=" ? ">=" : "=";
  return { comparison, seconds: Number(found[2]) };
};

const verdicts: Readonly<Record<string, VerdictKind>> = {
  Allow: "allow",
  Deny: "deny",
  Challenge: "challenge",
  Throttle: "throttle",
  Error: "error",
};

const expectation: Reader<Expectation> = record({
  shape: {
    verdict: required(word(verdicts), "write verdict: Allow or verdict: Deny"),
    status: optional(whole({ min: 400, max: 599 })),
    reason: optional(reason),
    rule: optional(text()),
    policy: optional(text()),
    detail: optional(text()),
    retryAfter: optional(retryAfter),
  },
  build: (values) => values,
});

const step: Reader<TestStep> = record({
  shape: {
    request: required(request, "write request: {method: GET, path: /}"),
    expect: required(expectation, "write expect: {verdict: Deny}"),
    repeat: optional(whole({ min: 1, max: repeatMax })),
    every: optional(duration({ min: "1ms", max: "1d" })),
    after: optional(duration({ min: "1ms", max: "365d" })),
    response: unsupported("remove it: answers of the application do not change a verdict"),
  },
  build: ({ request: asked, expect, repeat, every, after }) => ({
    request: asked,
    expect,
    repeat: repeat ?? 1,
    everyMs: every ?? 0,
    afterMs: after ?? 0,
  }),
});

const testCase: Reader<TestCase> = record({
  shape: {
    name: required(text(), "name what the case shows"),
    request: optional(request),
    expect: optional(expectation),
    sequence: optional(list(step, { min: 1, max: casesMax })),
    score: unsupported("remove it: no score is asked for"),
  },
  check(_values, place) {
    const has = (name: string): boolean => Object.hasOwn(place.value as object, name);
    if (has("sequence") ? has("request") || has("expect") : !(has("request") && has("expect"))) {
      refuse(place, "PKT0209", "is neither one request nor a sequence", "write request and expect, or sequence");
    }
  },
  build({ name, request: asked, expect, sequence }, place) {
    const single = asked && expect ? [{ request: asked, expect, repeat: 1, everyMs: 0, afterMs: 0 }] : [];
    return { name, line: place.report.document.lineOf(place.path), steps: sequence ?? single };
  },
});

const moment: Reader<number> = (place) => {
  const { value } = place;
  const found =
    typeof value === "string" && /^[0-9]{4}-[0-9]{2}-[0-9]{2}T/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isFinite(found)) return found;
  return refuse(place, "PKT0207", `${show(value)} is not a time`, 'write now: "2026-01-05T09:00:00Z"');
};

const fixtures = record({
  shape: {
    now: optional(moment),
    issuers: unsupported("remove it: a token in a test is taken as signed by the issuer that iss names"),
    attributes: unsupported("put them into the claims of the token"),
    consent: unsupported("remove it"),
    history: unsupported("remove it: nothing is learned"),
  },
  build: ({ now }) => now ?? nowDefaultMs,
});

const spec = record({
  shape: {
    policies: required(list(text({ max: 1_024 }), { min: 1, max: 100 }), "write policies: [../policies/]"),
    workload: optional(text()),
    fixtures: optional(fixtures),
    cases: required(
      list(testCase, { max: casesMax, unique: { key: ({ name }: TestCase) => name, what: "name" } }),
      "write cases: and a case for each rule",
    ),
  },
  build: (values) => values,
});

const kinds: Reader<string> = (place) =>
  place.value === "ApiPolicyTest"
    ? "ApiPolicyTest"
    : refuse(place, "PKT0102", `there is no kind ${show(place.value)}`, "write kind: ApiPolicyTest");

const policyTest: Reader<PolicyTest> = record({
  shape: {
    apiVersion: required(anything, ""),
    kind: required(kinds, "write kind: ApiPolicyTest"),
    metadata: required(metadata("namespaced"), "write metadata: {name: …}"),
    spec: required(spec, "write spec: {policies: […], cases: […]}"),
  },
  build: ({ metadata: { name }, spec: read }, { report }) => ({
    name,
    file: report.document.file,
    policies: read.policies,
    workload: read.workload,
    nowMs: read.fixtures ?? nowDefaultMs,
    cases: read.cases,
  }),
});

/** Reads a test; undefined, with problems, when anything is wrong with it. */
export function parsePolicyTest(document: SourceDocument): {
  readonly test: PolicyTest | undefined;
  readonly problems: readonly ObjectProblem[];
} {
  // Tests hold no conditions.
  const problem = { message: "no condition is expected here", try: "remove it" };
  const report = new Report(document, { when: () => ({ problem }) });
  const place: Place = { value: document.value, path: "", report };
  const test = policyTest(place);
  return { test: report.count === 0 ? test : undefined, problems: report.problems };
}

/** Whether the document belongs to the group of tests, whatever its kind is. */
export function isTestDocument({ value }: SourceDocument): boolean {
  const version = isMapping(value) ? value["apiVersion"] : undefined;
  return typeof version === "string" && version.split("/")[0] === "test.picket.dev";
}

/** A version of the group that is not read. */
export function checkTestVersion({ value, file, lineOf }: SourceDocument): ObjectProblem | undefined {
  if (isMapping(value) && value["apiVersion"] === testApiVersion) return undefined;
  const message = "this version of tests is not read";
  const line = lineOf("apiVersion");
  return { code: "PKT0103", file, line, field: "apiVersion", message, fix: `write ${testApiVersion}` };
}
