import { TypedExtensionConfig } from "../../../../protos/gen/envoy/config/core/v3/extension.ts";
import { BodySizeLimit } from "../../../../protos/gen/envoy/extensions/filters/http/body_size_limit/v3/body_size_limit.ts";
import type { Resource } from "../../resource.ts";
import { encodeResource, pack } from "../any.ts";

/**
 * Counts while the body streams by, without keeping it. By ECDS, since the filter takes no settings from a route;
 * without a size it counts nothing.
 */
export function bodyExtension(name: string, maxRequestBytes: number | undefined): Resource {
  const typedConfig = pack(BodySizeLimit, maxRequestBytes === undefined ? {} : { maxRequestBytes });
  return encodeResource(TypedExtensionConfig, name, { name, typedConfig });
}
