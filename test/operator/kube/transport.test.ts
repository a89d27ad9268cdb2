import assert from "node:assert/strict";
import { createTransport } from "../../../operator/kube/transport.ts";
import { createLog } from "../../../platform/log.ts";
import { systemClock } from "../../../platform/clock.ts";

const log = createLog({ level: "error", format: "text", clock: systemClock, write: () => {} });

describe("a transport", () => {
  it("tells of a kubeconfig that cannot be read", async () => {
    await assert.rejects(createTransport({ kubeconfig: "/nowhere/config", log, clock: systemClock }), {
      name: "KubeError",
      reason: "Kubeconfig",
    });
  });
});
