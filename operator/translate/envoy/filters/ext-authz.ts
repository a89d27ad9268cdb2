import type { Failure, Guards, Mode } from "../../../../core/policy/policy.ts";
import { ApiVersion } from "../../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { TypedExtensionConfig } from "../../../../protos/gen/envoy/config/core/v3/extension.ts";
import {
  ExtAuthz,
  ExtAuthzPerRoute,
} from "../../../../protos/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.ts";
import { StatusCode } from "../../../../protos/gen/envoy/type/v3/http_status.ts";
import type { Any } from "../../../../protos/gen/google/protobuf/any.ts";
import type { Resource } from "../../resource.ts";
import { encodeResource, pack } from "../any.ts";
import { milliseconds } from "../duration.ts";
import { scorerCluster, type FilterNames } from "../names.ts";

/** Bytes of a refusal's body that are taken from the scorer. */
const deniedBodyMaxBytes = 4096;

/** Bytes of a request body that the filter would send where no route says how many. */
const bodyDefaultMaxBytes = 65_536;

/** Values that never leave the pod by this way. The names of all other headers are seen, so that odd ones can be refused. */
export const withheldHeaders = ["authorization", "cookie", "proxy-authorization"] as const;

/** One of the two instances. They differ in what happens when no answer comes; everything else is one text. */
export function authzExtension(name: string, instance: "closed" | "open", failure: Failure): Resource {
  return encodeResource(TypedExtensionConfig, name, {
    name,
    typedConfig: pack(ExtAuthz, {
      transportApiVersion: ApiVersion.V3,
      services: {
        $case: "grpcService",
        grpcService: {
          targetSpecifier: {
            $case: "envoyGrpc",
            envoyGrpc: { clusterName: scorerCluster, authority: "picket-scorer", skipEnvoyHeaders: true },
          },
          timeout: milliseconds(failure.timeoutMs),
        },
      },
      failureModeAllow: instance === "open",
      failureModeAllowHeaderAdd: instance === "open",
      statusOnError: { code: StatusCode.ServiceUnavailable },
      statPrefix: `picket_${instance}`,
      encodeRawHeaders: true,
      disallowedHeaders: {
        patterns: withheldHeaders.map((header) => ({ matchPattern: { $case: "exact" as const, exact: header } })),
      },
      metadataContextNamespaces: ["envoy.filters.http.jwt_authn", "envoy.filters.http.rbac"],
      // Read as bytes only when it stands here; virtual hosts switch bodies off or give a size.
      withRequestBody: { maxRequestBytes: bodyDefaultMaxBytes, allowPartialMessage: false, packAsBytes: true },
      validateMutations: true,
      decoderHeaderMutationRules: { disallowAll: true, allowExpression: { regex: "x-picket-.*" } },
      maxDeniedResponseBodyBytes: deniedBodyMaxBytes,
      clearRouteCache: false,
    }),
  });
}

/** What an authz instance does on one virtual host. `null`: as the listener has it. */
export interface AuthzSwitches {
  readonly closed: Any;
  readonly open: Any | null;
}

/**
 * The one place that switches the closed instance off, and it never does so for a request that the policy judges
 * without switching the open one on.
 */
export function authzFor(
  mode: Mode,
  failure: Pick<Failure, "decision">,
  guards: Guards,
  context: { readonly workload: string; readonly revision: string; readonly key?: string },
): AuthzSwitches {
  const off = pack(ExtAuthzPerRoute, { override: { $case: "disabled", disabled: true } });
  if (mode === "observe") return { closed: off, open: null };
  const asked = pack(ExtAuthzPerRoute, {
    override: {
      $case: "checkSettings",
      checkSettings: { contextExtensions: { ...context }, ...bodySettings(mode, guards) },
    },
  });
  return mode === "enforce" && failure.decision === "deny"
    ? { closed: asked, open: null }
    : { closed: off, open: asked };
}

function bodySettings(mode: Mode, guards: Guards) {
  if (guards.maxJsonDepth === undefined || guards.maxBodyBytes === undefined)
    return { disableRequestBodyBuffering: true };
  // In Shadow a body over the limit must pass: the scorer gets its beginning, marked as partial by Envoy.
  return { withRequestBody: { maxRequestBytes: guards.maxBodyBytes, allowPartialMessage: mode !== "enforce" } };
}

/** For a route that answers by itself: nothing reaches the application, so nobody is asked. */
export function authzOff(filters: FilterNames): Record<string, Any> {
  return { [filters.closed]: pack(ExtAuthzPerRoute, { override: { $case: "disabled", disabled: true } }) };
}
