import { limitRequestsMax } from "../../limits/limiter.ts";
import { modes, type Limit, type LimitKey, type Mode } from "../policy.ts";
import { label } from "./metadata.ts";
import { nearestName } from "./nearest-name.ts";
import { operations } from "./operation.ts";
import { refuse, refuseType, show, type Reader } from "./place.ts";
import { isMapping, list, optional, record, required } from "./record.ts";
import { claimName } from "./requirement.ts";
import { duration, text, whole, word } from "./scalar.ts";

/** Limits of one policy. */
export const limitsMax = 32;
/** Parts of the key of one limit. */
export const limitKeysMax = 4;

export const modeWords: Readonly<Record<string, Mode>> = { Observe: "observe", Shadow: "shadow", Enforce: "enforce" };

const keyWords: Readonly<Record<string, LimitKey>> = {
  Principal: { kind: "principal" },
  Credential: { kind: "credential" },
  Session: { kind: "session" },
  SourceAddress: { kind: "sourceAddress" },
  SourceNetwork: { kind: "sourceNetwork" },
  Operation: { kind: "operation" },
};

/** Their values are secrets and never reach the place where requests are counted. */
const secretHeaders = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

const headerName: Reader<string> = (place) => {
  const read = text({ max: 128, pattern: /^[a-z0-9-]+$/, form: "a header name", fix: headerFix(place.value) })(place);
  if (read === undefined || !secretHeaders.includes(read)) return read;
  const message = `the value of ${read} is a secret that is not counted by`;
  return refuse(place, "PKT0209", message, "count by Credential, Session or Principal");
};

function headerFix(value: unknown): string {
  const lower = typeof value === "string" ? value.toLowerCase() : "";
  return /^[a-z0-9-]{1,128}$/.test(lower) ? `write ${lower}` : "use lower-case letters, digits and - only";
}

const named = record({
  shape: { claim: optional(claimName), header: optional(headerName) },
  check(_values, place) {
    const count = Object.keys(place.value as object).length;
    if (count !== 1)
      refuse(place, "PKT0209", "names not exactly one thing", "write {claim: tenant} or {header: x-tenant}");
  },
  build: ({ claim, header }): LimitKey =>
    claim === undefined ? { kind: "header", name: header ?? "" } : { kind: "claim", name: claim },
});

const limitKey: Reader<LimitKey> = (place) => {
  const { value } = place;
  if (isMapping(value)) return named(place);
  const words = Object.keys(keyWords);
  const fix = `write one of ${words.join(", ")}, {claim: name} or {header: name}`;
  if (typeof value !== "string") return refuseType(place, "what to count per", fix);
  if (Object.hasOwn(keyWords, value)) return keyWords[value];
  if (value === "Entity") {
    return refuse(place, "PKT0202", "Entity is not enforced by this version", "count by a claim or by Operation");
  }
  if (value === "Claim" || value === "Header") {
    const lower = value.toLowerCase();
    return refuse(place, "PKT0209", `${value} does not say which ${lower}`, `write {${lower}: name}`);
  }
  const near = nearestName(value, words);
  return refuse(
    place,
    "PKT0205",
    `${show(value)} is not something to count per`,
    near === undefined ? fix : `write ${near}`,
  );
};

const limit: Reader<Limit> = record({
  shape: {
    name: required(label, "give the limit a name; decisions and messages call it by it"),
    match: optional(operations(1)),
    key: optional(
      list(limitKey, {
        max: limitKeysMax,
        unique: { key: (item: LimitKey) => ("name" in item ? `${item.kind} ${item.name}` : item.kind), what: "key" },
      }),
    ),
    requests: required(whole({ min: 1, max: limitRequestsMax }), "write requests: 100"),
    window: required(duration({ min: "1s", max: "24h" }), "write window: 1m"),
    burst: optional(whole({ min: 1, max: limitRequestsMax })),
    mode: optional(word(modeWords)),
  },
  misplaced: {
    per: "write key: [Principal]",
    keys: "write key: [Principal]",
    rate: "write requests: 100 and window: 1m",
  },
  build: (values): Limit => ({
    name: values.name,
    match: values.match ?? [],
    key: values.key ?? [],
    requests: values.requests,
    windowMs: values.window,
    burst: values.burst,
    mode: values.mode,
  }),
});

/** The `limits` block. */
export const limits = list(limit, { max: limitsMax, unique: { key: ({ name }: Limit) => name, what: "name" } });

/** True when the section would be stricter than its policy. */
export function isStricter(section: Mode | undefined, policy: Mode | undefined): boolean {
  return section !== undefined && policy !== undefined && modes.indexOf(section) > modes.indexOf(policy);
}
