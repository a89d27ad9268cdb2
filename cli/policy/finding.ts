import type { SarifRule } from "../output/sarif.ts";

export const severities = ["info", "warning", "error"] as const;
export type Severity = (typeof severities)[number];

/** What `picket policy analyze` looks for. Closed; docs/reference/errors.md lists them. */
export const findingCodes = {
  PKT0301: {
    name: "default-allows",
    severity: "warning",
    text: "A policy allows by default, so whatever its Deny rules do not spell out is open.",
  },
  PKT0302: {
    name: "deny-under-allow",
    severity: "info",
    text: "A Deny rule takes a part out of what an Allow rule opens; it also refuses other spellings of the path, in any letter case.",
  },
  PKT0303: {
    name: "rule-shadowed",
    severity: "warning",
    text: "An Allow rule never decides: a Deny rule without condition refuses everything it matches.",
  },
  PKT0304: {
    name: "rule-redundant",
    severity: "warning",
    text: "An Allow rule demands something that another Allow rule for the same requests does not demand.",
  },
  PKT0305: {
    name: "sensitive-without-demands",
    severity: "warning",
    text: "An Allow rule opens a path that looks sensitive to anybody.",
  },
  PKT0306: {
    name: "nothing-allowed",
    severity: "warning",
    text: "A policy denies by default and allows nothing, so every request is refused.",
  },
  PKT0307: {
    name: "source-limit-without-trust",
    severity: "info",
    text: "A limit counts by source address, but no PicketConfig says how many proxies stand in front; behind one, all callers share its address.",
  },
  PKT0308: {
    name: "demands-without-identity",
    severity: "error",
    text: "A rule demands a token, but no identity is named that could prove one, so nobody is let in.",
  },
  PKT0309: {
    name: "reference-missing",
    severity: "error",
    text: "A policy names a workload or identity that is not there.",
  },
  PKT0310: {
    name: "policy-conflicted",
    severity: "warning",
    text: "Two policies of the same level speak about one workload; only the older one takes part.",
  },
  PKT0311: {
    name: "failure-allows",
    severity: "warning",
    text: "Requests pass unjudged while Picket cannot decide.",
  },
  PKT0312: {
    name: "not-enforced",
    severity: "info",
    text: "The policy does not refuse anything yet.",
  },
  PKT0313: {
    name: "open-to-anybody",
    severity: "warning",
    text: "An Allow rule for every path demands nothing.",
  },
  PKT0314: {
    name: "workload-without-policy",
    severity: "warning",
    text: "No policy speaks about a workload, so all of its requests pass unjudged.",
  },
  PKT0315: {
    name: "listen-address-twice",
    severity: "error",
    text: "Two workloads listen on one address, so only one of them can.",
  },
  PKT0316: {
    name: "colon-segment",
    severity: "warning",
    text: "A path segment starts with a colon, which is matched letter by letter; a parameter stands in braces.",
  },
} as const satisfies Readonly<
  Record<string, { readonly name: string; readonly severity: Severity; readonly text: string }>
>;

export type FindingCode = keyof typeof findingCodes;

/** One thing about valid policies that people should look at. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly file: string;
  readonly line: number;
  /** `bank/accounts access.rules[admins]` */
  readonly subject: string;
  readonly message: string;
  readonly fix: string;
}

export const findingRules: readonly SarifRule[] = Object.entries(findingCodes).map(([code, { name, text }]) => ({
  code,
  name,
  text,
}));
