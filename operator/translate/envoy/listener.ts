import type { InstallConfig, Workload } from "../../../core/policy/identity.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { HttpConnectionManager } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Resource } from "../resource.ts";
import { addressOf, isLiteral, literalOf } from "./address.ts";
import { encodeResource, pack } from "./any.ts";
import { connectionManager } from "./http-connection-manager.ts";
import { namesOf } from "./names.ts";
import type { Strictness } from "./strictness.ts";

/** Bytes kept per connection and direction before the sender is made to wait. Bodies for the scorer have their own size. */
export const connectionBufferBytes = 32_768;

interface Made {
  readonly strictness: Strictness;
  readonly install: InstallConfig;
  readonly proxyKey: string | undefined;
  readonly resource: Resource;
}

/** The newest of each workload: under changing policies it stays what it is, and it is most of the work. */
const made = new WeakMap<Workload, Made>();

/** Changes only with the workload's address, the strictness and the install; then Envoy drains the old one. */
export function listener(
  workload: Workload,
  strictness: Strictness,
  install: InstallConfig,
  proxyKey?: string,
): Resource {
  const before = made.get(workload);
  const isSame = before?.strictness === strictness && before.install === install && before.proxyKey === proxyKey;
  if (isSame) return before.resource;
  const resource = makeListener(workload, strictness, install, proxyKey);
  made.set(workload, { strictness, install, proxyKey, resource });
  return resource;
}

function makeListener(
  workload: Workload,
  strictness: Strictness,
  install: InstallConfig,
  proxyKey: string | undefined,
): Resource {
  const names = namesOf(workload);
  if (!isLiteral(literalOf(workload.listen.host))) {
    throw new Error(`workload ${names.workload}: an address to listen on must be an IP address or localhost`);
  }
  return encodeResource(Listener, names.listener, {
    name: names.listener,
    address: addressOf({ kind: "address", ...workload.listen }),
    perConnectionBufferLimitBytes: connectionBufferBytes,
    // A second program on the port must fail to start instead of taking half of the connections.
    enableReusePort: false,
    filterChains: [
      {
        filters: [
          {
            name: "hcm",
            configType: {
              $case: "typedConfig",
              typedConfig: pack(HttpConnectionManager, connectionManager(names, strictness, install, proxyKey)),
            },
          },
        ],
      },
    ],
  });
}
