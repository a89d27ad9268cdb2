import {
  CheckRequest,
  type CheckResponse,
  type DeniedHttpResponse,
} from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";

/** A Check as Envoy sends it with Picket's configuration; fields a test does not care about have honest values. */
export interface CheckFields {
  readonly workload?: string;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Status code of the proxy's JWT library for a token that did not verify. */
  readonly failed?: number;
  readonly provider?: string;
  /** What the proxy says of the token's text. */
  readonly shape?: string;
  readonly body?: Uint8Array;
  readonly size?: number;
  readonly peer?: string;
  /** By which the proxy proves itself. */
  readonly key?: string;
}

/** Now, for tokens in these tests: 2026-01-05T09:00:00Z. */
export const nowMs = 1_767_603_600_000;

const plainClaims = {
  sub: "alice",
  account: "A-1",
  scope: ["accounts:read"],
  exp: nowMs / 1000 + 600,
  iat: nowMs / 1000,
};

export function checkRequest(fields: CheckFields = {}): Buffer {
  const { method = "GET", path = "/v1/accounts/A-1", host = "bank.example", provider = "p0" } = fields;
  const headers: (readonly [string, string])[] = [
    [":authority", host],
    [":path", path],
    [":method", method],
    ["user-agent", "test/1"],
    ["x-request-id", "7d4f3a52-7f2c-4ed8-8f2d-8ba34a5bd3e1"],
    ...(fields.headers ?? []),
  ];
  const jwt: Record<string, unknown> = {};
  if (fields.claims !== undefined) {
    jwt[`${provider}_payload`] = { ...plainClaims, ...fields.claims };
    jwt[`${provider}_header`] = fields.header ?? { alg: "ES256", typ: "JWT" };
  } else if (fields.failed !== undefined) {
    jwt[`${provider}_failed`] = { code: fields.failed, message: "Jwt verification fails" };
  }
  const message = CheckRequest.fromPartial({
    attributes: {
      source: {
        address: { address: { $case: "socketAddress", socketAddress: { address: fields.peer ?? "203.0.113.9" } } },
      },
      request: {
        http: {
          method,
          path,
          host,
          headerMap: { headers: headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value, "latin1") })) },
          rawBody: Buffer.from(fields.body ?? []),
          size: fields.size ?? fields.body?.length ?? 0,
        },
      },
      contextExtensions: {
        operation: "x",
        workload: fields.workload ?? "bank/accounts",
        revision: "r1",
        ...(fields.key !== undefined && { key: fields.key }),
      },
      metadataContext: {
        filterMetadata: {
          "envoy.filters.http.jwt_authn": jwt,
          "envoy.filters.http.rbac": { token_shadow_engine_result: fields.shape ?? "allowed" },
        },
      },
    },
  });
  return Buffer.from(CheckRequest.encode(message).finish());
}

/** The refusal or error in an answer; undefined for an allow. */
export function refusalOf({ httpResponse }: CheckResponse): DeniedHttpResponse | undefined {
  if (httpResponse?.$case === "deniedResponse") return httpResponse.deniedResponse;
  return httpResponse?.$case === "errorResponse" ? httpResponse.errorResponse : undefined;
}
