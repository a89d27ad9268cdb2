/**
 * Fields of Envoy 1.40's API that are newer than the package the .proto files come from. `after` is the line of the
 * file behind which the field lines go. Checked against the descriptors inside the Envoy binary by
 * test/contract/envoy-api.test.ts.
 */
export const overlayFields: readonly { file: string; after: string; lines: readonly string[] }[] = [
  {
    file: "envoy/service/auth/v3/external_auth.proto",
    after: "message CheckResponse {",
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
    lines: ["google.protobuf.UInt64Value stream_reset_burst = 21;", "google.protobuf.UInt64Value stream_reset_rate = 22;"],
  },
  {
    // The package's own copy is older than the files that use it.
    file: "validate/validate.proto",
    after: "message StringRules {",
    lines: ["optional bool ignore_empty = 26;"],
  },
];
