import type { HeaderMutation as Mutation } from "../../../protos/gen/envoy/config/common/mutation_rules/v3/mutation_rules.ts";
import { TypedExtensionConfig } from "../../../protos/gen/envoy/config/core/v3/extension.ts";
import { HeaderMutation } from "../../../protos/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.ts";
import { pack } from "./any.ts";
import type { Strictness } from "./strictness.ts";

/** Headers that some applications and frameworks take for the real method, path or host. */
const overrides = [
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-forwarded-uri",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
];

/**
 * Removes what only Picket or Envoy may say, before Envoy itself reads the headers. Always: `x-picket-*` with every
 * spelling that an application could fold to it, and `x-envoy-*`. Strict also: headers that override what was judged.
 * `x-forwarded-host` goes too unless a trusted proxy stands in front, which then sets it.
 */
export function stripHeaders(strictness: Strictness, trustedHops: number): TypedExtensionConfig {
  const exact = strictness === "lenient" ? [] : [...overrides, ...(trustedHops === 0 ? ["x-forwarded-host"] : [])];
  return TypedExtensionConfig.fromPartial({
    name: "strip",
    typedConfig: pack(HeaderMutation, {
      mutations: [
        removeMatching({ matchPattern: { $case: "prefix", prefix: "x-picket-" }, ignoreCase: true }),
        removeMatching({
          matchPattern: { $case: "safeRegex", safeRegex: { regex: "x[._]picket.*|x-picket([._].*)?" } },
        }),
        removeMatching({ matchPattern: { $case: "prefix", prefix: "x-envoy-" }, ignoreCase: true }),
        ...exact.flatMap(spellings).map((remove): PartialMutation => ({ action: { $case: "remove", remove } })),
      ],
    }),
  });
}

type PartialMutation = Parameters<typeof Mutation.fromPartial>[0];
type Matcher = Extract<PartialMutation["action"], { $case: "removeOnMatch" }>["removeOnMatch"];

function removeMatching(keyMatcher: NonNullable<Matcher>["keyMatcher"]): PartialMutation {
  return { action: { $case: "removeOnMatch", removeOnMatch: { keyMatcher } } };
}

/** Servers that fold names take `_` and `.` for `-`. */
function spellings(name: string): string[] {
  return [name, name.replaceAll("-", "_"), name.replaceAll("-", ".")];
}
