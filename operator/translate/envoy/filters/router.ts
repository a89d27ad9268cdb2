import { Router } from "../../../../protos/gen/envoy/extensions/filters/http/router/v3/router.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { pack } from "../any.ts";
import { routerFilter as name } from "../names.ts";

export function routerFilter(): HttpFilter {
  return HttpFilter.fromPartial({
    name,
    configType: { $case: "typedConfig", typedConfig: pack(Router, { suppressEnvoyHeaders: true }) },
  });
}
