import { isIP } from "node:net";
import { Address } from "../../../protos/gen/envoy/config/core/v3/address.ts";
import type { Endpoint } from "../endpoint.ts";

/** True for what Envoy can use without a resolver. */
export function isLiteral(host: string): boolean {
  return isIP(host) !== 0;
}

/** `localhost` means this machine whatever a resolver says (RFC 6761 section 6.3). */
export function literalOf(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host;
}

export function addressOf(endpoint: Endpoint): Address {
  if (endpoint.kind === "socket") {
    return Address.fromPartial({ address: { $case: "pipe", pipe: { path: endpoint.path } } });
  }
  return Address.fromPartial({
    address: {
      $case: "socketAddress",
      socketAddress: {
        address: literalOf(endpoint.host),
        portSpecifier: { $case: "portValue", portValue: endpoint.port },
      },
    },
  });
}
