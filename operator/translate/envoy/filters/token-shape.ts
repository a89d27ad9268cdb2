import type { Algorithm } from "../../../../core/policy/identity.ts";
import { RBAC_Action } from "../../../../protos/gen/envoy/config/rbac/v3/rbac.ts";
import { RBAC, RBACPerRoute } from "../../../../protos/gen/envoy/extensions/filters/http/rbac/v3/rbac.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Any } from "../../../../protos/gen/google/protobuf/any.ts";
import type { IssuerKeys } from "../../issuers.ts";
import { pack } from "../any.ts";
import { headerMatches, not, type RbacRule } from "../rbac-rule.ts";

/**
 * Envoy's JWT library takes tokens that strict readers refuse: padding left in the last character of a part, a fourth
 * part, signatures a byte too long, blanks around (seen on 1.40). This filter looks at the text of a token and refuses
 * nothing: it notes in the metadata (`envoy.filters.http.rbac`, `token_shadow_engine_result`) that the text is not the
 * one spelling of RFC 7515 section 7.1, and the scorer takes such a token for invalid. So it does with tokens in two
 * places: Envoy is content with one that verifies, and the application would get the other one beside it, forged.
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
  const places = new Map<string, Map<string, Set<Algorithm>>>();
  for (const { jwt } of issuers) {
    for (const { header, scheme } of jwt.from) {
      const schemes = places.get(header.toLowerCase()) ?? new Map<string, Set<Algorithm>>();
      schemes.set(scheme, new Set([...(schemes.get(scheme) ?? []), ...jwt.algorithms]));
      places.set(header.toLowerCase(), schemes);
    }
  }
  const sorted = [...places].toSorted(byKey);
  const permissions = sorted.map(([header, schemes]) => malformed(header, schemes));
  permissions.push(...severalOf(sorted.map(([header]) => header)));
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

/**
 * The header is there and is not exactly one token. Whatever else it is: Envoy finds a scheme in the middle of a value
 * too. It only matters where a token was verified, so `Basic …` on its way to the application harms nobody.
 */
function malformed(header: string, schemes: ReadonlyMap<string, ReadonlySet<Algorithm>>): RbacRule {
  const shapes = [...schemes].toSorted(byKey).map(([scheme, algorithms]) => {
    const spelled = scheme === "" ? "" : `(?:${scheme}|${scheme.toLowerCase()}) `;
    return `${spelled}${part}\\.${part}\\.${signature(algorithms)}`;
  });
  return {
    rule: {
      $case: "andRules",
      andRules: { rules: [isPresent(header), not(headerMatches(header, shapes.join("|")))] },
    },
  };
}

/** Two of these headers are there. */
function severalOf(headers: readonly string[]): RbacRule[] {
  return headers.slice(0, -1).map((header, index): RbacRule => {
    const others = headers.slice(index + 1).map(isPresent);
    const another: RbacRule = { rule: { $case: "orRules", orRules: { rules: others } } };
    return { rule: { $case: "andRules", andRules: { rules: [isPresent(header), another] } } };
  });
}

function isPresent(name: string): RbacRule {
  return {
    rule: { $case: "header", header: { name, headerMatchSpecifier: { $case: "presentMatch", presentMatch: true } } },
  };
}

const character = "[A-Za-z0-9_-]";

/** Base64url without padding whose unused bits are 0 (RFC 4648 section 3.5): one text for one value. */
const part = `(?:${character}{4})*(?:${character}[AQgw]|${character}{2}[AEIMQUYcgkosw048])?`;

/** As long as the key, which has 2,048 bits or more: 342 characters. Written as a part that starts with 340 others. */
const rsa = `${character}{340}${part}`;

/** Signatures of 64 and 96 bytes for the curves (RFC 7518 section 3.4, RFC 8037 section 3.1), longer ones for RSA. */
const signatures: Readonly<Record<Algorithm, string>> = {
  ES256: `${character}{85}[AQgw]`,
  EdDSA: `${character}{85}[AQgw]`,
  ES384: `${character}{128}`,
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
};

function signature(algorithms: ReadonlySet<Algorithm>): string {
  const shapes = new Set([...algorithms].toSorted().map((algorithm) => signatures[algorithm]));
  return `(?:${[...shapes].join("|")})`;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}
