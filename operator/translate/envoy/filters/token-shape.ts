import type { Algorithm } from "../../../../core/policy/identity.ts";
import { RBAC_Action, type Permission } from "../../../../protos/gen/envoy/config/rbac/v3/rbac.ts";
import { RBAC, RBACPerRoute } from "../../../../protos/gen/envoy/extensions/filters/http/rbac/v3/rbac.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Any } from "../../../../protos/gen/google/protobuf/any.ts";
import type { IssuerKeys } from "../../issuers.ts";
import { pack } from "../any.ts";

/**
 * Envoy's JWT library takes tokens that strict readers refuse: padding left in the last character of a part, a fourth
 * part, signatures a byte too long, blanks around (seen on 1.40). This filter looks at the text of a token and refuses
 * nothing: it notes in the metadata (`envoy.filters.http.rbac`, `token_shadow_engine_result`) that the text is not the
 * one spelling of RFC 7515 section 7.1, and the scorer takes such a token for invalid.
 */
export function tokenShapeFilter(name: string): HttpFilter {
  return HttpFilter.fromPartial({
    name,
    configType: { $case: "typedConfig", typedConfig: pack(RBAC, { shadowRulesStatPrefix: statPrefix }) },
  });
}

const statPrefix = "token_";

/** The shapes of this workload's tokens, for its virtual host. */
export function tokenShapes(issuers: readonly IssuerKeys[]): Any {
  const places = new Map<string, Set<Algorithm>>();
  for (const { jwt } of issuers) {
    for (const { header, scheme } of jwt.from) {
      const key = `${header.toLowerCase()} ${scheme}`;
      const algorithms = places.get(key) ?? new Set();
      for (const algorithm of jwt.algorithms) algorithms.add(algorithm);
      places.set(key, algorithms);
    }
  }
  const permissions = [...places].toSorted(byKey).map(([key, algorithms]) => {
    const [header = "", scheme = ""] = key.split(" ");
    return malformed(header, scheme, algorithms);
  });
  return pack(RBACPerRoute, {
    rbac: {
      shadowRulesStatPrefix: statPrefix,
      shadowRules: {
        action: RBAC_Action.DENY,
        policies: { malformed: { permissions, principals: [{ identifier: { $case: "any", any: true } }] } },
      },
    },
  });
}

type Rule = Parameters<typeof Permission.fromPartial>[0];

/** The header shows this scheme, in any case, and what follows is not exactly one token. */
function malformed(header: string, scheme: string, algorithms: ReadonlySet<Algorithm>): Rule {
  const anyCase = [...scheme].map((letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`).join("");
  const shown = scheme === "" ? ".*" : `${anyCase}([ \\t].*)?`;
  const spelled = scheme === "" ? "" : `(?:${scheme}|${scheme.toLowerCase()}) `;
  const token = `${part}\\.${part}\\.${signature(algorithms)}`;
  return {
    rule: {
      $case: "andRules",
      andRules: { rules: [matches(header, shown), not(matches(header, `${spelled}${token}`))] },
    },
  };
}

const character = "[A-Za-z0-9_-]";

/** Base64url without padding whose unused bits are 0 (RFC 4648 section 3.5): one text for one value. */
const part = `(?:${character}{4})*(?:${character}[AQgw]|${character}{2}[AEIMQUYcgkosw048])?`;

/** Signatures of 64 and 96 bytes for the curves; RSA's are as long as its key. */
const signatures: Readonly<Record<Algorithm, string>> = {
  ES256: `${character}{85}[AQgw]`,
  EdDSA: `${character}{85}[AQgw]`,
  ES384: `${character}{128}`,
  RS256: part,
  RS384: part,
  RS512: part,
  PS256: part,
  PS384: part,
  PS512: part,
};

function signature(algorithms: ReadonlySet<Algorithm>): string {
  const shapes = new Set([...algorithms].toSorted().map((algorithm) => signatures[algorithm]));
  // RSA's shape holds every other one's except for the length, which then cannot be told.
  return shapes.has(part) ? part : `(?:${[...shapes].join("|")})`;
}

function matches(name: string, regex: string): Rule {
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

function not(rule: Rule): Rule {
  return { rule: { $case: "notRule", notRule: rule } };
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}
