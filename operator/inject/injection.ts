import { metricsPort, readyPort } from "../translate/pod-shape.ts";
import type { ClusterConfig } from "../config.ts";
import type { JsonObject } from "./pod.ts";
import { endpointOf } from "../reconcile/envoy-translator.ts";
import { renderJson } from "../translate/envoy/any.ts";
import { bootstrap } from "../translate/envoy/bootstrap.ts";
import { isRecord } from "../kube/object.ts";
import type { InjectionSettings } from "./settings.ts";

/** Where the proxy's own administration listens: a socket that only the sidecar's container has. */
const adminSocket = "/run/picket/admin.sock";

/** Port of the operator's Service on which it serves configuration. */
const xdsPort = 15_010;

/** Seconds in which a proxy moves its clients away before its pod ends. */
const drainSeconds = 5;

/** What one install injects, from the operator's own settings. Throws for resources that are no object. */
export function injectionSettings(config: ClusterConfig): InjectionSettings {
  const host = `${config.name}.${config.namespace}.svc`;
  const start = bootstrap({
    admin: endpointOf({ path: adminSocket, host: "", port: 0 }),
    xds: { kind: "address", host, port: xdsPort, serverName: host },
    pages: { readyPort, statsPort: metricsPort },
  });
  const resources: unknown = JSON.parse(config.proxyResources);
  if (!isRecord(resources)) throw new RangeError("PICKET_PROXY_RESOURCES is no JSON object");
  return {
    proxyImage: config.proxyImage,
    redirectImage: config.redirectImage === "proxy" ? config.proxyImage : config.redirectImage,
    imagePullPolicy: config.imagePullPolicy,
    resources: resources as JsonObject,
    capture: config.capture,
    bootstrap: JSON.stringify(renderJson(start)),
    drainSeconds,
    failurePolicy: config.injectionFailure,
    ownNamespace: config.namespace,
  };
}
