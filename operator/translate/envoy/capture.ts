import { capturePort } from "../pod-shape.ts";
import type { InstallConfig, Workload } from "../../../core/policy/identity.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { OriginalDst } from "../../../protos/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst.ts";
import { HttpConnectionManager } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { ProxyKeyOf } from "../proxy-key.ts";
import type { Resource } from "../resource.ts";
import { addressOf } from "./address.ts";
import { encodeResource, pack } from "./any.ts";
import { milliseconds } from "./duration.ts";
import { connectionManager } from "./http-connection-manager.ts";
import { connectionBufferBytes } from "./listener.ts";
import { namesOf } from "./names.ts";
import type { Strictness } from "./strictness.ts";

export const captureListenerName = "in|captured";

export interface CapturedPort {
  readonly workload: Workload;
  readonly strictness: Strictness;
}

export interface CaptureOptions {
  readonly ipv6: boolean;
  readonly proxyKeyOf?: ProxyKeyOf | undefined;
}

/**
 * The one listener to which every connection of a pod is redirected. A chain for each port that is judged, found by
 * the port that the caller meant. No chain for anything else: what nobody declared is closed, and so is a connection
 * aimed at the listener itself, which would otherwise be sent to itself for ever.
 */
export function captureListener(
  ports: readonly CapturedPort[],
  install: InstallConfig,
  options: CaptureOptions,
): Resource {
  return encodeResource(Listener, captureListenerName, {
    name: captureListenerName,
    address: addressOf({ kind: "address", host: "0.0.0.0", port: capturePort }),
    additionalAddresses: options.ipv6
      ? [{ address: addressOf({ kind: "address", host: "::", port: capturePort }) }]
      : [],
    perConnectionBufferLimitBytes: connectionBufferBytes,
    enableReusePort: false,
    listenerFiltersTimeout: milliseconds(2_000),
    listenerFilters: [
      {
        name: "original_dst",
        configType: { $case: "typedConfig", typedConfig: pack(OriginalDst, {}) },
      },
    ],
    filterChains: ports.map(({ workload, strictness }) => {
      const names = namesOf(workload);
      const proxyKey = options.proxyKeyOf?.(names.workload);
      return {
        name: names.listener,
        filterChainMatch: { destinationPort: workload.upstream.port },
        filters: [
          {
            name: "hcm",
            configType: {
              $case: "typedConfig" as const,
              typedConfig: pack(HttpConnectionManager, connectionManager(names, strictness, install, proxyKey)),
            },
          },
        ],
      };
    }),
  });
}
