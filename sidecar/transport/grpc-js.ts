import { connectionsPerAddressMax, createGrpcServer, type GrpcMethods } from "../../platform/grpc.ts";
import type { ServerTls } from "../../platform/tls.ts";
import { accessLogMethod } from "../accesslog/intake.ts";
import type { ScorerService, Transport } from "./transport.ts";

/** Milliseconds that running checks get to end. */
const stopGraceMs = 1_000;

// grpc.health.v1.HealthCheckResponse {status: SERVING} and {status: NOT_SERVING}.
const serving = Uint8Array.of(0x08, 0x01);
const notServing = Uint8Array.of(0x08, 0x02);

/** ext_authz, access log and health over grpc-js: the reference that later transports are compared with. */
export function createGrpcTransport(service: ScorerService, tls?: ServerTls): Transport {
  const methods: GrpcMethods = {
    unary: [
      {
        path: "/envoy.service.auth.v3.Authorization/Check",
        handle: service.check,
        onFault: (error) => {
          service.faulted(error, "transport");
          return service.lastResort();
        },
      },
      {
        path: "/grpc.health.v1.Health/Check",
        handle: () => (service.isServing() ? serving : notServing),
        onFault: () => notServing,
      },
    ],
    intake: [accessLogMethod(service.answered, (error) => service.faulted(error, "access-log"))],
  };
  const onTlsFault = (error: unknown): void => service.faulted(error, "transport");
  const server = createGrpcServer(methods, {
    tls,
    onTlsFault,
    ...(tls !== undefined && { connectionsPerAddressMax }),
  });
  return { start: (address) => server.start(address), stop: () => server.stop(stopGraceMs) };
}
