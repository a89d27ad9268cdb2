import { ApiVersion } from "../../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";

/**
 * A filter whose configuration comes by ECDS under the filter's own name. Until it came the listener does not open
 * (no fetch timeout), so a proxy that is ready is a proxy that judges.
 */
export function discoveredFilter(filter: { name: string; typeUrl: string; disabled: boolean }): HttpFilter {
  return HttpFilter.fromPartial({
    name: filter.name,
    disabled: filter.disabled,
    configType: {
      $case: "configDiscovery",
      configDiscovery: {
        configSource: {
          configSourceSpecifier: { $case: "ads", ads: {} },
          resourceApiVersion: ApiVersion.V3,
          initialFetchTimeout: { seconds: 0, nanos: 0 },
        },
        typeUrls: [filter.typeUrl],
      },
    },
  });
}
