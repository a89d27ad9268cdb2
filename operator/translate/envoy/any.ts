import { createHash } from "node:crypto";
import { Bootstrap } from "../../../protos/gen/envoy/config/bootstrap/v3/bootstrap.ts";
import { Cluster } from "../../../protos/gen/envoy/config/cluster/v3/cluster.ts";
import { TypedExtensionConfig } from "../../../protos/gen/envoy/config/core/v3/extension.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../protos/gen/envoy/config/route/v3/route.ts";
import { Route, RouteList } from "../../../protos/gen/envoy/config/route/v3/route_components.ts";
import { ExpressionFilter } from "../../../protos/gen/envoy/extensions/access_loggers/filters/cel/v3/cel.ts";
import { HttpGrpcAccessLogConfig } from "../../../protos/gen/envoy/extensions/access_loggers/grpc/v3/als.ts";
import { BodySizeLimit } from "../../../protos/gen/envoy/extensions/filters/http/body_size_limit/v3/body_size_limit.ts";
import {
  ExtAuthz,
  ExtAuthzPerRoute,
} from "../../../protos/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.ts";
import {
  JwtAuthentication,
  PerRouteConfig,
} from "../../../protos/gen/envoy/extensions/filters/http/jwt_authn/v3/config.ts";
import { CredentialInjector } from "../../../protos/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector.ts";
import { HealthCheck } from "../../../protos/gen/envoy/extensions/filters/http/health_check/v3/health_check.ts";
import { UpstreamCodec } from "../../../protos/gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.ts";
import { OriginalDst } from "../../../protos/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst.ts";
import { Generic } from "../../../protos/gen/envoy/extensions/http/injected_credentials/generic/v3/generic.ts";
import { UpstreamTlsContext } from "../../../protos/gen/envoy/extensions/transport_sockets/tls/v3/tls.ts";
import { LocalRateLimit } from "../../../protos/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import { RBAC, RBACPerRoute } from "../../../protos/gen/envoy/extensions/filters/http/rbac/v3/rbac.ts";
import { Router } from "../../../protos/gen/envoy/extensions/filters/http/router/v3/router.ts";
import { HttpConnectionManager } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { HeaderMutation } from "../../../protos/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.ts";
import { UriTemplateMatchConfig } from "../../../protos/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match.ts";
import { DownstreamConnectionsConfig } from "../../../protos/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.ts";
import { FixedHeapConfig } from "../../../protos/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.ts";
import { HttpProtocolOptions } from "../../../protos/gen/envoy/extensions/upstreams/http/v3/http_protocol_options.ts";
import { HttpRequestHeaderMatchInput } from "../../../protos/gen/envoy/type/matcher/v3/http_inputs.ts";
import type { Any } from "../../../protos/gen/google/protobuf/any.ts";
import { WorkloadPolicy } from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import type { Resource } from "../resource.ts";

/** What a generated message type offers. `D` is its `DeepPartial`, in which a misspelt field does not compile. */
interface Codec<T, D> {
  readonly $type: string;
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
  toJSON(message: T): unknown;
  fromPartial(partial: D): T;
}

/** Every message that may stand in an Any, a bootstrap included. What is not here can be neither packed nor printed. */
const codecs = [
  BodySizeLimit,
  Bootstrap,
  Cluster,
  CredentialInjector,
  DownstreamConnectionsConfig,
  ExpressionFilter,
  ExtAuthz,
  ExtAuthzPerRoute,
  FixedHeapConfig,
  Generic,
  HeaderMutation,
  HealthCheck,
  HttpConnectionManager,
  HttpGrpcAccessLogConfig,
  HttpProtocolOptions,
  HttpRequestHeaderMatchInput,
  JwtAuthentication,
  Listener,
  LocalRateLimit,
  OriginalDst,
  PerRouteConfig,
  RBAC,
  RBACPerRoute,
  Route,
  RouteConfiguration,
  RouteList,
  Router,
  TypedExtensionConfig,
  UpstreamCodec,
  UpstreamTlsContext,
  UriTemplateMatchConfig,
  WorkloadPolicy,
] as const;

const byTypeUrl: ReadonlyMap<string, Codec<unknown, never>> = new Map(
  codecs.map((codec) => [typeUrlOf(codec), codec as unknown as Codec<unknown, never>]),
);

export function typeUrlOf(codec: { readonly $type: string }): string {
  return `type.googleapis.com/${codec.$type}`;
}

/** Packs a message given by its fields. */
export function pack<T, D>(codec: Codec<T, D>, partial: NoInfer<D>): Any {
  return { typeUrl: registered(codec), value: Buffer.from(encode(codec, partial)) };
}

/** Encodes a resource. Maps are written in the order of their keys, so equal content gives equal bytes. */
export function encodeResource<T, D>(codec: Codec<T, D>, name: string, partial: NoInfer<D>): Resource {
  const bytes = encode(codec, partial);
  return { name, typeUrl: registered(codec), version: contentHash(bytes), bytes };
}

/** The first 16 hexadecimal digits of the SHA-256. */
export function contentHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** Sorts what was given, not the message made of it: that has every field that the type has, dozens for one that is set. */
export function encode<T, D>(codec: Codec<T, D>, partial: NoInfer<D>): Uint8Array {
  return codec.encode(codec.fromPartial(sortKeys(partial) as D)).finish();
}

/** The message inside; throws for a type that we never pack. */
export function unpack(any: { readonly typeUrl: string; readonly value: Uint8Array }): unknown {
  return codecFor(any.typeUrl).decode(any.value);
}

/** A resource in the JSON form of protobuf, as Envoy reads it in a `.json` file: Any by `@type`, durations as `1.5s`. */
export function renderJson(resource: { readonly typeUrl: string; readonly bytes: Uint8Array }): unknown {
  const codec = codecFor(resource.typeUrl);
  const message = codec.decode(resource.bytes);
  return withWellKnown(message, codec.toJSON(message));
}

function registered(codec: { readonly $type: string }): string {
  const typeUrl = typeUrlOf(codec);
  codecFor(typeUrl);
  return typeUrl;
}

function codecFor(typeUrl: string): Codec<unknown, never> {
  const codec = byTypeUrl.get(typeUrl);
  if (codec === undefined) throw new Error(`${typeUrl} is not registered in operator/translate/envoy/any.ts`);
  return codec;
}

/** Fields are encoded by number whatever the order of keys; only maps follow it, so sorting all keys sorts the maps. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  // Most objects have one or two; without a comparison of our own the order is that of code units all the same.
  if (keys.length > 1) keys.sort();
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]));
}

/** ts-proto prints Any and Duration as plain messages. The decoded message, walked along, tells where they are. */
function withWellKnown(message: unknown, json: unknown): unknown {
  if (Array.isArray(message) && Array.isArray(json)) return message.map((item, i) => withWellKnown(item, json[i]));
  if (!isRecord(message) || !isRecord(json)) return json;
  if (message.value instanceof Uint8Array && typeof message.typeUrl === "string") {
    const { typeUrl, value } = message;
    return { "@type": typeUrl, ...(renderJson({ typeUrl, bytes: value }) as object) };
  }
  if (typeof message.seconds === "number" && typeof message.nanos === "number") {
    return printDuration(message.seconds, message.nanos);
  }
  const printed: Record<string, unknown> = {};
  const inOneof = new Map<string, unknown>();
  for (const value of Object.values(message)) {
    if (isRecord(value) && typeof value.$case === "string") inOneof.set(value.$case, value[value.$case]);
  }
  for (const [key, item] of Object.entries(json)) {
    printed[key] = withWellKnown(inOneof.has(key) ? inOneof.get(key) : message[key], item);
  }
  return printed;
}

function printDuration(seconds: number, nanos: number): string {
  const fraction = nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
  return `${seconds}${fraction}s`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value);
}
