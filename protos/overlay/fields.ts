/**
 * Fields of Envoy 1.40's API that are newer than the package the .proto files come from. `after` is the line of the
 * file behind which the field lines go. Checked against the descriptors inside the Envoy binary by
 * test/contract/envoy-api.test.ts.
 */
export const overlayFields: readonly { file: string; after: string; lines: readonly string[] }[] = [
  {
    file: "envoy/extensions/http/injected_credentials/generic/v3/generic.proto",
    after: "message Generic {",
    lines: ["string header_value_prefix = 3;"],
  },
  {
    file: "envoy/service/auth/v3/external_auth.proto",
    after: "  oneof http_response {",
    lines: ["DeniedHttpResponse error_response = 5;"],
  },
  {
    file: "envoy/config/common/mutation_rules/v3/mutation_rules.proto",
    after: "message HeaderMutation {",
    lines: ["message RemoveOnMatch { type.matcher.v3.StringMatcher key_matcher = 1; }"],
  },
  {
    file: "envoy/config/common/mutation_rules/v3/mutation_rules.proto",
    after: "  oneof action {",
    lines: ["RemoveOnMatch remove_on_match = 3;"],
  },
  {
    file: "envoy/config/common/mutation_rules/v3/mutation_rules.proto",
    after: 'import "envoy/type/matcher/v3/regex.proto";',
    lines: ['import "envoy/type/matcher/v3/string.proto";'],
  },
  {
    file: "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto",
    after: "message ExtAuthz {",
    lines: ["uint32 max_denied_response_body_bytes = 30;", "bool enforce_response_header_limits = 31;"],
  },
  {
    file: "envoy/config/core/v3/protocol.proto",
    after: "message Http2ProtocolOptions {",
    lines: [
      "google.protobuf.UInt64Value stream_reset_burst = 21;",
      "google.protobuf.UInt64Value stream_reset_rate = 22;",
    ],
  },
  {
    file: "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    after: "message LocalRateLimit {",
    lines: [
      "repeated config.route.v3.RateLimit rate_limits = 17;",
      "google.protobuf.UInt32Value max_dynamic_descriptors = 18;",
      "bool enable_retry_after_header = 19;",
    ],
  },
  {
    file: "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    after: 'import "envoy/config/core/v3/base.proto";',
    lines: ['import "envoy/config/route/v3/route_components.proto";'],
  },
  {
    file: "envoy/config/route/v3/route_components.proto",
    after: "message DirectResponseAction {",
    lines: ["core.v3.SubstitutionFormatString body_format = 3;"],
  },
  {
    file: "envoy/config/route/v3/route_components.proto",
    after: 'import "envoy/config/core/v3/base.proto";',
    lines: ['import "envoy/config/core/v3/substitution_format_string.proto";'],
  },
  {
    file: "envoy/config/bootstrap/v3/bootstrap.proto",
    after: "message Admin {",
    lines: ["repeated type.matcher.v3.StringMatcher allow_paths = 7;"],
  },
  {
    file: "envoy/config/bootstrap/v3/bootstrap.proto",
    after: 'import "envoy/config/trace/v3/http_tracer.proto";',
    lines: ['import "envoy/type/matcher/v3/string.proto";'],
  },
  {
    // The package's own copy is older than the files that use it.
    file: "validate/validate.proto",
    after: "message StringRules {",
    lines: ["optional bool ignore_empty = 26;"],
  },
];
