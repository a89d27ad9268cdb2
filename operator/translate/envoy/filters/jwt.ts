import { TypedExtensionConfig } from "../../../../protos/gen/envoy/config/core/v3/extension.ts";
import {
  JwtAuthentication,
  type JwtHeader,
  type JwtProvider,
  type JwtRequirement,
} from "../../../../protos/gen/envoy/extensions/filters/http/jwt_authn/v3/config.ts";
import type { IssuerKeys } from "../../issuers.ts";
import type { Resource } from "../../resource.ts";
import { encodeResource, pack } from "../any.ts";
import { milliseconds } from "../duration.ts";
import { anyToken } from "../names.ts";

/** Difference of clocks that `exp` and `nbf` tolerate. */
const clockSkewSeconds = 60;

/**
 * Verifies what is shown and refuses nothing: the scorer finds claims, header and failure of each provider in the
 * metadata and decides. An issuer without usable keys has no provider; the scorer knows it as stale.
 */
export function jwtExtension(name: string, issuers: readonly IssuerKeys[]): Resource {
  const usable = issuers.filter((issuer) => issuer.jwks !== undefined);
  return encodeResource(TypedExtensionConfig, name, {
    name,
    typedConfig: pack(JwtAuthentication, {
      stripFailureResponse: true,
      providers: Object.fromEntries(usable.map((issuer) => [issuer.provider, providerOf(issuer)])),
      // Always there, so that routes that name it and a filter that arrives later or earlier never disagree.
      requirementMap: { [anyToken]: anyOf(usable.map((issuer) => issuer.provider)) },
    }),
  });
}

type Requirement = Parameters<typeof JwtRequirement.fromPartial>[0];

function anyOf(providers: readonly string[]): Requirement {
  const nothing: Requirement = { requiresType: { $case: "allowMissingOrFailed", allowMissingOrFailed: {} } };
  if (providers.length === 0) return nothing;
  const named = providers.map((providerName): Requirement => {
    return { requiresType: { $case: "providerName", providerName } };
  });
  return { requiresType: { $case: "requiresAny", requiresAny: { requirements: [...named, nothing] } } };
}

function providerOf({ provider, jwt, jwks }: IssuerKeys): Parameters<typeof JwtProvider.fromPartial>[0] {
  return {
    issuer: jwt.issuer,
    audiences: [...jwt.audiences],
    requireExpiration: true,
    maxLifetime: milliseconds(jwt.maxLifetimeMs),
    clockSkewSeconds,
    forward: true,
    // Always explicit: without it Envoy also reads `?access_token=`.
    fromHeaders: jwt.from.flatMap(headersOf),
    payloadInMetadata: `${provider}_payload`,
    headerInMetadata: `${provider}_header`,
    failedStatusInMetadata: `${provider}_failed`,
    normalizePayloadInMetadata: { spaceDelimitedClaims: ["scope"] },
    jwksSourceSpecifier: {
      $case: "localJwks",
      localJwks: { specifier: { $case: "inlineString", inlineString: jwks ?? "" } },
    },
  };
}

/** A scheme is written in any case (RFC 9110 section 11.1); Envoy compares bytes, so the two usual spellings are named. */
function headersOf({
  header,
  scheme,
}: {
  header: string;
  scheme: string;
}): Parameters<typeof JwtHeader.fromPartial>[0][] {
  const name = header.toLowerCase();
  if (scheme === "") return [{ name }];
  const spellings = new Set([scheme, scheme.toLowerCase()]);
  return [...spellings].map((spelling) => ({ name, valuePrefix: `${spelling} ` }));
}
