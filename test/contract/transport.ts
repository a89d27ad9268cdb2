import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { RequestMethod } from "../../protos/gen/envoy/config/core/v3/base.ts";
import { StreamAccessLogsMessage } from "../../protos/gen/envoy/service/accesslog/v3/als.ts";
import { printAddress, type Address } from "../../platform/config.ts";
import type { AnsweredCall } from "../../sidecar/accesslog/intake.ts";
import type { ScorerService, Transport } from "../../sidecar/transport/transport.ts";

const asIs = (bytes: Buffer): Buffer => bytes;
const checkPath = "/envoy.service.auth.v3.Authorization/Check";
const healthPath = "/grpc.health.v1.Health/Check";
const logPath = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";

/** What every way to reach a scorer must do. Run against each implementation. */
export function transportContract(name: string, create: (service: ScorerService) => Transport): void {
  const folder = mkdtempSync(join(tmpdir(), "pk-"));
  const places: readonly [string, Address][] = [
    ["a unix socket", { host: "", port: 0, path: join(folder, "s") }],
    ["TCP", { host: "127.0.0.1", port: 0, path: "" }],
  ];
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [where, place] of places) {
    describe(`${name} over ${where}`, () => {
      const answered: AnsweredCall[] = [];
      const faults: string[] = [];
      let isServing = true;
      let transport: Transport;
      let client: Client;

      before(async () => {
        transport = create({
          check: (request) => {
            if (request.length === 3) throw new Error("a fault of ours");
            return Buffer.concat([Buffer.from("re:"), request]);
          },
          lastResort: () => Buffer.from("last resort"),
          answered: (call) => answered.push(call),
          isServing: () => isServing,
          faulted: (_error, stage) => faults.push(stage),
        });
        client = new Client(printAddress(await transport.start(place)), credentials.createInsecure());
      });
      after(async () => {
        client.close();
        await transport.stop();
      });

      const ask = (path: string, request: Buffer): Promise<Buffer> =>
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(path, asIs, asIs, request, (error: ServiceError | null, value?: Buffer) => {
            if (error) reject(error);
            else resolve(value!);
          });
        });

      it("passes the bytes of a Check to the handler and its answer back", async () => {
        assert.equal((await ask(checkPath, Buffer.from("question"))).toString(), "re:question");
      });

      it("keeps many Checks at once apart", async () => {
        const questions = Array.from({ length: 200 }, (_, i) => `question ${i}`);
        const answers = await Promise.all(questions.map((question) => ask(checkPath, Buffer.from(question))));
        assert.deepEqual(
          answers.map(String),
          questions.map((question) => `re:${question}`),
        );
      });

      it("answers a handler that throws with the last resort, never with nothing", async () => {
        assert.equal((await ask(checkPath, Buffer.from("bad"))).toString(), "last resort");
        assert.equal(faults.at(-1), "transport");
      });

      it("tells whether it serves, as grpc.health.v1 has it", async () => {
        assert.deepEqual([...(await ask(healthPath, Buffer.alloc(0)))], [8, 1]);
        isServing = false;
        assert.deepEqual([...(await ask(healthPath, Buffer.alloc(0)))], [8, 2]);
        isServing = true;
      });

      it("takes the access log and survives what is none", async () => {
        const entry = {
          commonProperties: {
            customTags: { workload: "bank/accounts", key: "k" },
            metadata: { filterMetadata: { "envoy.filters.http.ext_authz": { decision: "d1" } } },
          },
          request: { requestId: "r1", requestMethod: RequestMethod.GET },
          response: { responseCode: 200, responseCodeDetails: "via_upstream" },
        };
        const message = StreamAccessLogsMessage.fromPartial({
          logEntries: { $case: "httpLogs", httpLogs: { logEntry: [entry] } },
        });
        await new Promise<void>((resolve, reject) => {
          const stream = client.makeClientStreamRequest(logPath, asIs, asIs, (error: ServiceError | null) => {
            if (error) reject(error);
            else resolve();
          });
          stream.write(Buffer.from([0xff, 0xff]));
          stream.write(Buffer.from(StreamAccessLogsMessage.encode(message).finish()));
          stream.end();
        });
        assert.deepEqual(answered, [
          {
            requestId: "r1",
            method: "GET",
            proxyReason: undefined,
            passedUnjudged: false,
            decision: "d1",
            workload: "bank/accounts",
            proxyKey: "k",
            status: 200,
          },
        ]);
        assert.equal(faults.at(-1), "access-log");
      });

      it("knows no other method", async () => {
        await assert.rejects(ask("/envoy.service.auth.v3.Authorization/Other", Buffer.alloc(0)));
      });
    });
  }
}
