import type { Permission } from "../../../protos/gen/envoy/config/rbac/v3/rbac.ts";

/** One rule of an RBAC policy, as it is written. */
export type RbacRule = Parameters<typeof Permission.fromPartial>[0];

/** The header is there and its whole value matches (RE2). */
export function headerMatches(name: string, regex: string): RbacRule {
  return {
    rule: {
      $case: "header",
      header: {
        name,
        headerMatchSpecifier: {
          $case: "stringMatch",
          stringMatch: { matchPattern: { $case: "safeRegex", safeRegex: { regex } } },
        },
      },
    },
  };
}

export function not(rule: RbacRule): RbacRule {
  return { rule: { $case: "notRule", notRule: rule } };
}
