import type { InstallConfig } from "../../../core/policy/identity.ts";
import { ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores } from "../../../protos/gen/envoy/config/core/v3/protocol.ts";
import { BodySizeLimit } from "../../../protos/gen/envoy/extensions/filters/http/body_size_limit/v3/body_size_limit.ts";
import { ExtAuthz } from "../../../protos/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.ts";
import { JwtAuthentication } from "../../../protos/gen/envoy/extensions/filters/http/jwt_authn/v3/config.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails as ClientCert,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  type HttpFilter,
} from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { accessLog } from "./access-log.ts";
import { typeUrlOf } from "./any.ts";
import { ambiguousFilter } from "./filters/ambiguous.ts";
import { discoveredFilter } from "./filters/discovered.ts";
import { rateLimitFilter } from "./filters/rate-limit.ts";
import { routerFilter } from "./filters/router.ts";
import { tokenShapeFilter } from "./filters/token-shape.ts";
import { stripHeaders } from "./header-strip.ts";
import { localReplies } from "./local-reply.ts";
import type { WorkloadNames } from "./names.ts";
import type { Strictness } from "./strictness.ts";

type Partial = Parameters<typeof HttpConnectionManager.fromPartial>[0];

/**
 * What judges the requests of one workload. Depends on nothing of a policy but the strictness, so a change of policy
 * never drains connections.
 */
export function connectionManager(
  names: WorkloadNames,
  strictness: Strictness,
  install: InstallConfig,
  proxyKey?: string,
): Partial {
  return {
    statPrefix: names.listener,
    serverHeaderTransformation: ServerHeader.PASS_THROUGH,
    normalizePath: true,
    mergeSlashes: true,
    stripPortMode: { $case: "stripAnyHostPort", stripAnyHostPort: true },
    stripTrailingHostDot: true,
    useRemoteAddress: true,
    xffNumTrustedHops: install.trustedHops,
    // An empty message would make private and loopback addresses internal: name one address that nobody has.
    internalAddressConfig: { cidrRanges: [{ addressPrefix: "255.255.255.255", prefixLen: 32 }] },
    generateRequestId: true,
    forwardClientCertDetails: ClientCert.SANITIZE,
    requestHeadersTimeout: { seconds: 10, nanos: 0 },
    delayedCloseTimeout: { seconds: 1, nanos: 0 },
    drainTimeout: { seconds: 5, nanos: 0 },
    http2ProtocolOptions: {
      maxConcurrentStreams: 100,
      initialStreamWindowSize: 65_536,
      initialConnectionWindowSize: 1_048_576,
      allowConnect: false,
      streamResetBurst: 200,
      streamResetRate: 20,
      // A malformed HTTP/2 request resets its own stream; without it, the connection of everybody multiplexed on it.
      overrideStreamErrorOnInvalidHttpMessage: true,
    },
    earlyHeaderMutationExtensions: [stripHeaders(strictness, install.trustedHops)],
    localReplyConfig: localReplies(),
    accessLog: [accessLog(names.workload, proxyKey)],
    httpFilters: filterChain(names, strictness),
    routeSpecifier: {
      $case: "rds",
      rds: {
        routeConfigName: names.routes,
        configSource: {
          configSourceSpecifier: { $case: "ads", ads: {} },
          resourceApiVersion: ApiVersion.V3,
          initialFetchTimeout: { seconds: 0, nanos: 0 },
        },
      },
    },
    ...(strictness === "strict" ? strict : lenient),
  };
}

/** Invariant: between the authz instances and the router stands nothing that could still change what was judged. */
function filterChain({ filters }: WorkloadNames, strictness: Strictness): HttpFilter[] {
  return [
    ...(strictness === "strict" ? [ambiguousFilter(filters.ambiguous)] : []),
    tokenShapeFilter(filters.tokenShape),
    discoveredFilter({ name: filters.jwt, typeUrl: typeUrlOf(JwtAuthentication), disabled: false }),
    rateLimitFilter(filters.rateLimit),
    discoveredFilter({ name: filters.body, typeUrl: typeUrlOf(BodySizeLimit), disabled: false }),
    // On unless a virtual host switches it off: a lost or misspelt entry there is judged, not let through.
    discoveredFilter({ name: filters.closed, typeUrl: typeUrlOf(ExtAuthz), disabled: false }),
    discoveredFilter({ name: filters.open, typeUrl: typeUrlOf(ExtAuthz), disabled: true }),
    routerFilter(),
  ];
}

const strict: Partial = {
  pathWithEscapedSlashesAction: EscapedSlashes.REJECT_REQUEST,
  maxRequestHeadersKb: 32,
  requestTimeout: { seconds: 60, nanos: 0 },
  streamIdleTimeout: { seconds: 60, nanos: 0 },
  commonHttpProtocolOptions: {
    idleTimeout: { seconds: 300, nanos: 0 },
    maxHeadersCount: 100,
    headersWithUnderscoresAction: Underscores.REJECT_REQUEST,
    maxRequestsPerConnection: 10_000,
  },
  httpProtocolOptions: {
    acceptHttp10: false,
    enableTrailers: false,
    allowChunkedLength: false,
  },
};

/** Bounds that protect the proxy itself stay; what an application behind a plain proxy would have got, it gets. */
const lenient: Partial = {
  pathWithEscapedSlashesAction: EscapedSlashes.KEEP_UNCHANGED,
  maxRequestHeadersKb: 96,
  requestTimeout: { seconds: 0, nanos: 0 },
  streamIdleTimeout: { seconds: 300, nanos: 0 },
  commonHttpProtocolOptions: {
    idleTimeout: { seconds: 3600, nanos: 0 },
    maxHeadersCount: 200,
    headersWithUnderscoresAction: Underscores.ALLOW,
  },
  httpProtocolOptions: {
    acceptHttp10: true,
    enableTrailers: true,
    allowChunkedLength: false,
  },
  upgradeConfigs: [{ upgradeType: "websocket" }],
};
