import assert from "node:assert/strict";
import { RequestMethod } from "../../../protos/gen/envoy/config/core/v3/base.ts";
import { StreamAccessLogsMessage } from "../../../protos/gen/envoy/service/accesslog/v3/als.ts";
import { accessLogMethod, entriesPerMessageMax, type AnsweredCall } from "../../../sidecar/accesslog/intake.ts";

type Entries = NonNullable<Parameters<typeof StreamAccessLogsMessage.fromPartial>[0]["logEntries"]>;

function answered(logEntries: Entries): AnsweredCall[] {
  const calls: AnsweredCall[] = [];
  const message = StreamAccessLogsMessage.encode(StreamAccessLogsMessage.fromPartial({ logEntries })).finish();
  accessLogMethod(
    (call) => calls.push(call),
    (error) => assert.fail(String(error)),
  ).open()(message);
  return calls;
}

describe("accessLogMethod", () => {
  it("says nothing of what a broken connection left out, and takes no method that it does not know", () => {
    const logEntry = [{}, { request: { requestMethod: RequestMethod.METHOD_UNSPECIFIED } }];
    const [empty, unknown] = answered({ $case: "httpLogs", httpLogs: { logEntry } });
    const nothing = {
      requestId: "",
      method: "_OTHER",
      proxyReason: undefined,
      passedUnjudged: false,
      decision: "",
      workload: "",
      proxyKey: "",
      status: 0,
    };
    assert.deepEqual([empty, unknown], [nothing, nothing]);
  });

  it("takes no more entries of one message than its bound", () => {
    const logEntry = Array.from({ length: entriesPerMessageMax + 1 }, (_, i) => ({ request: { requestId: `r${i}` } }));
    const calls = answered({ $case: "httpLogs", httpLogs: { logEntry } });
    assert.equal(calls.length, entriesPerMessageMax);
    assert.equal(calls.at(-1)?.requestId, `r${entriesPerMessageMax - 1}`);
  });

  it("takes nothing of connections, which are no calls", () => {
    assert.deepEqual(answered({ $case: "tcpLogs", tcpLogs: { logEntry: [{}] } }), []);
  });
});
