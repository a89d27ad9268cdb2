import { createServer, type Server } from "node:net";
import { denialDefault } from "../../../core/policy/effective-policy.ts";
import { deny } from "../../../core/verdict/verdict.ts";
import { createGrpcServer, type GrpcServer } from "../../../platform/grpc.ts";
import { AnswerEncoder } from "../../../sidecar/check/check-response.ts";

const refusal = new AnswerEncoder().refused(deny("no-rule-matched"), denialDefault, "0123456789abcdef", "");
const path = { host: "", port: 0 };

/** Something on the scorer's socket that is no scorer. */
export interface Garbage {
  readonly name: string;
  start(socket: string): Promise<void>;
  stop(): Promise<void>;
}

/** Every shape of nonsense that a broken scorer could answer; none of them is the one message that means allow. */
export function garbages(): readonly Garbage[] {
  return [
    overGrpc("bytes that are no message", () => Buffer.from("ff".repeat(40), "hex")),
    overGrpc("a refusal that is cut in its status", () => refusal.subarray(0, 3)),
    overGrpc("a refusal that is cut after its status", () => refusal.subarray(0, 2 + refusal[1]!)),
    overGrpc("a refusal that is cut in the middle", () => refusal.subarray(0, Math.floor(refusal.length / 2))),
    overSocket("a page of HTTP/1.1", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    overSocket("noise", "\0\0\0\0noise".repeat(100)),
    overSocket("nothing at all", ""),
  ];
}

/**
 * The one nonsense that Envoy takes for an allow (seen on 1.40): an answer of no bytes. No scorer of ours can make it
 * (test/sidecar/check/check-response.test.ts); here it shows that these tests would see a leak.
 */
export function emptyAnswer(): Garbage {
  return overGrpc("an empty message", () => new Uint8Array(0));
}

function overGrpc(name: string, answer: () => Uint8Array): Garbage {
  let server: GrpcServer | undefined;
  return {
    name,
    async start(socket) {
      server = createGrpcServer({
        unary: [
          { path: "/envoy.service.auth.v3.Authorization/Check", handle: answer, onFault: answer },
          // Healthy in the proxy's eyes: only the answers are wrong.
          { path: "/grpc.health.v1.Health/Check", handle: () => Uint8Array.of(8, 1), onFault: answer },
        ],
      });
      await server.start({ ...path, path: socket });
    },
    async stop() {
      await server?.stop(100);
    },
  };
}

function overSocket(name: string, text: string): Garbage {
  let server: Server | undefined;
  return {
    name,
    start: (socket) =>
      new Promise((resolve) => {
        server = createServer((connection) => {
          connection.on("error", () => undefined);
          connection.write(text);
        });
        server.listen(socket, resolve);
      }),
    stop: () =>
      new Promise((resolve) => {
        server?.close();
        resolve();
      }),
  };
}
