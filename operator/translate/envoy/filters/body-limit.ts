import { BodySizeLimit } from "../../../../protos/gen/envoy/extensions/filters/http/body_size_limit/v3/body_size_limit.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Any } from "../../../../protos/gen/google/protobuf/any.ts";
import { pack } from "../any.ts";

/** Off until a virtual host brings the size. Counts while the body streams by, without keeping it. */
export function bodyFilter(name: string): HttpFilter {
  return HttpFilter.fromPartial({
    name,
    disabled: true,
    configType: { $case: "typedConfig", typedConfig: pack(BodySizeLimit, {}) },
  });
}

export function bodyOverride(maxRequestBytes: number): Any {
  return pack(BodySizeLimit, { maxRequestBytes });
}
