import { CheckRequest } from "../../protos/gen/envoy/service/auth/v3/external_auth.ts";

/** Requests that differ, so that no cache makes them cheaper than traffic. */
export const requestsMax = 512;

const nowSeconds = Math.floor(Date.now() / 1000);

/** CheckRequests of about 1.9 kB as Envoy sends them: 20 headers, 14 claims (performance study, section 2). */
export function checkRequests(rules: number): Buffer[] {
  return Array.from({ length: requestsMax }, (_, i) => checkRequest(i, rules));
}

function checkRequest(i: number, rules: number): Buffer {
  let rule = (i * 7) % rules;
  if (rule % 10 === 9) rule--;
  const account = `A-${1000 + i}`;
  const path = `/v1/resource${rule}/${account}/items?page=${i % 9}&sort=date`;
  const headers: [string, string][] = [
    [":authority", "accounts.bank.example"],
    [":path", path],
    [":method", "GET"],
    [":scheme", "http"],
    ["user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"],
    ["accept", "application/json, text/plain, */*"],
    ["accept-language", "cs,en;q=0.8"],
    ["accept-encoding", "gzip, deflate, br"],
    ["origin", "https://app.bank.example"],
    ["referer", "https://app.bank.example/accounts/overview"],
    ["x-request-id", `7d4f3a52-7f2c-4ed8-8f2d-${String(i).padStart(12, "0")}`],
    ["x-forwarded-for", `203.0.113.${i % 250}`],
    ["x-forwarded-proto", "http"],
    ["x-envoy-external-address", `203.0.113.${i % 250}`],
    ["sec-fetch-mode", "cors"],
    ["sec-fetch-site", "same-site"],
    ["sec-ch-ua-platform", '"Linux"'],
    ["x-channel", "web"],
    ["traceparent", `00-4bf92f3577b34da6a3ce929d0e0e4736-${String(i).padStart(16, "0")}-01`],
    ["cache-control", "no-cache"],
  ];
  const claims = {
    iss: "https://id.bank.example",
    sub: `u-${i}`,
    aud: "bank-api",
    exp: nowSeconds + 3600,
    iat: nowSeconds,
    account,
    scope: ["openid", "accounts:read", "transfers:write"],
    roles: ["customer", "web"],
    acr: "1",
    sid: `s-${i * 31}`,
    segment: "retail",
    email: `user${i}@example.org`,
    tenant: "cz",
    azp: "web-app",
  };
  const message = CheckRequest.fromPartial({
    attributes: {
      source: peer(`203.0.113.${i % 250}`, 41000 + i),
      destination: peer("10.1.2.3", 8080),
      request: {
        time: new Date(nowSeconds * 1000),
        http: {
          id: String(i * 7919),
          method: "GET",
          path,
          host: "accounts.bank.example",
          scheme: "http",
          protocol: "HTTP/1.1",
          headerMap: { headers: headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) },
        },
      },
      contextExtensions: { workload: "bank/accounts", operation: `resource${rule}`, revision: `rules-${rules}` },
      metadataContext: {
        filterMetadata: {
          "envoy.filters.http.rbac": { token_shadow_engine_result: "allowed" },
          "envoy.filters.http.jwt_authn": { p0_payload: claims, p0_header: { alg: "ES256", typ: "JWT", kid: "k1" } },
        },
      },
    },
  });
  return Buffer.from(CheckRequest.encode(message).finish());
}

function peer(address: string, portValue: number) {
  return {
    address: {
      address: {
        $case: "socketAddress" as const,
        socketAddress: { address, portSpecifier: { $case: "portValue" as const, portValue } },
      },
    },
  };
}
