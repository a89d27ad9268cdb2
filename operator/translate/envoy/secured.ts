import type { Cluster } from "../../../protos/gen/envoy/config/cluster/v3/cluster.ts";
import { ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { CredentialInjector } from "../../../protos/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector.ts";
import { UpstreamCodec } from "../../../protos/gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.ts";
import { Generic } from "../../../protos/gen/envoy/extensions/http/injected_credentials/generic/v3/generic.ts";
import { SubjectAltNameMatcher_SanType } from "../../../protos/gen/envoy/extensions/transport_sockets/tls/v3/common.ts";
import { UpstreamTlsContext } from "../../../protos/gen/envoy/extensions/transport_sockets/tls/v3/tls.ts";
import type { HttpFilter } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { pack } from "./any.ts";

/** Folder of the proxy's image with the two files that name token and authorities as secrets. */
export const secretsFolder = "/etc/picket";

/** The secrets in those files. As resources of a file they are read anew when kubelet swaps what they point at. */
export const trustSecret = "picket_ca";
export const tokenSecret = "xds_token";

type Partial = Parameters<typeof Cluster.fromPartial>[0];
type PartialFilter = Parameters<typeof HttpFilter.fromPartial>[0];

/** TLS to one of our own servers, known by its name and by the authorities of the install. */
export function tlsTo(serverName: string): NonNullable<Partial["transportSocket"]> {
  return {
    name: "tls",
    configType: {
      $case: "typedConfig",
      typedConfig: pack(UpstreamTlsContext, {
        sni: serverName,
        commonTlsContext: {
          alpnProtocols: ["h2"],
          validationContextType: {
            $case: "combinedValidationContext",
            combinedValidationContext: {
              defaultValidationContext: {
                matchTypedSubjectAltNames: [
                  {
                    sanType: SubjectAltNameMatcher_SanType.DNS,
                    matcher: { matchPattern: { $case: "exact", exact: serverName } },
                  },
                ],
              },
              validationContextSdsSecretConfig: secret(trustSecret, "sds-ca.json"),
            },
          },
        },
      }),
    },
  };
}

/** Filters of a cluster that put the pod's token on every stream. No token, no stream: never an anonymous one. */
export function withToken(): readonly PartialFilter[] {
  return [
    {
      name: "token",
      configType: {
        $case: "typedConfig",
        typedConfig: pack(CredentialInjector, {
          overwrite: true,
          allowRequestWithoutCredential: false,
          credential: {
            name: "generic",
            typedConfig: pack(Generic, {
              header: "authorization",
              headerValuePrefix: "Bearer ",
              credential: secret(tokenSecret, "sds-token.json"),
            }),
          },
        }),
      },
    },
    {
      name: "envoy.filters.http.upstream_codec",
      configType: { $case: "typedConfig", typedConfig: pack(UpstreamCodec, {}) },
    },
  ];
}

function secret(name: string, file: string) {
  return {
    name,
    sdsConfig: {
      resourceApiVersion: ApiVersion.V3,
      configSourceSpecifier: {
        $case: "pathConfigSource" as const,
        pathConfigSource: { path: `${secretsFolder}/${file}` },
      },
    },
  };
}
