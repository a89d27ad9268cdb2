import { createGrpcTransport } from "../../sidecar/transport/grpc-js.ts";
import { transportContract } from "./transport.ts";

describe("transports", () => {
  transportContract("grpc-js", createGrpcTransport);
});
