import { RBAC_Action } from "../../../../protos/gen/envoy/config/rbac/v3/rbac.ts";
import { RBAC } from "../../../../protos/gen/envoy/extensions/filters/http/rbac/v3/rbac.ts";
import type { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { ambiguousPolicies } from "../../../../platform/envoy-details.ts";
import { pack } from "../any.ts";
import { headerMatches, not, type RbacRule } from "../rbac-rule.ts";

/** Path shapes that two honest parsers read differently. Linear, without counted repeats (RE2 program size). */
const ambiguousPaths = [
  ".*[;\\\\].*", // parameters of a segment, and what Windows takes for a slash
  ".*%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$).*", // broken escapes, `%u` among them
  ".*%(25|[01].|7[Ff]|3[Bb]|5[Cc]|2[Ff]).*", // escapes of `%`, controls, `;`, `\` and `/`
  ".*%([cC][01]|[fF][5-9a-fA-F]|[eE]0%[89]|[fF]0%8).*", // bytes that UTF-8 never has, and overlong forms
];

/**
 * What a whole target is made of. Path normalisation leaves a query alone, HTTP/2 takes any byte in it, and to the
 * scorer Envoy shows `!` for bytes that are not UTF-8: another query would be judged than the application receives.
 */
const targets = "[!-~]*";

const authorities = "[A-Za-z0-9][A-Za-z0-9._-]*|\\[[0-9A-Fa-f:.]+\\]";
const servedMethods = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS";

/** Refuses what two honest parsers could read differently, before anything else looks at the request. */
export function ambiguousFilter(name: string): HttpFilter {
  const anyone = [{ identifier: { $case: "any" as const, any: true } }];
  return {
    name,
    isOptional: false,
    disabled: false,
    configType: {
      $case: "typedConfig",
      typedConfig: pack(RBAC, {
        rulesStatPrefix: "ambiguous_",
        rules: {
          action: RBAC_Action.DENY,
          policies: {
            [ambiguousPolicies.authority]: {
              permissions: [not(headerMatches(":authority", authorities))],
              principals: anyone,
            },
            [ambiguousPolicies.query]: { permissions: [not(headerMatches(":path", targets))], principals: anyone },
            [ambiguousPolicies.path]: { permissions: ambiguousPaths.map(path), principals: anyone },
            [ambiguousPolicies.method]: {
              permissions: [not(headerMatches(":method", servedMethods))],
              principals: anyone,
            },
          },
        },
      }),
    },
  };
}

function path(regex: string): RbacRule {
  return {
    rule: {
      $case: "urlPath",
      urlPath: {
        rule: { $case: "path", path: { matchPattern: { $case: "safeRegex", safeRegex: { regex } } } },
      },
    },
  };
}
