import assert from "node:assert/strict";
import { normalisePath } from "../../core/request/normalise.ts";
import { createPathView, parsePath } from "../../core/request/path.ts";
import { seeded, randomTarget } from "../core/request/path-grammar.ts";
import { sendHttp1 } from "../range/send/http1.ts";
import { workloadYaml } from "./failure/objects.ts";
import { Pieces } from "./failure/pieces.ts";

/** Random targets sent through a real Envoy. */
const targets = 8_000;

const policies = `${workloadYaml("app")}---
apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: app, namespace: demo }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: app }]
  mode: Enforce
  access: { default: Allow, rules: [] }
  failure: { timeout: 1s }
`;

interface Difference {
  readonly target: string;
  readonly expected: string;
  readonly found: string;
}

/** What our model of the proxy, and then the scorer, make of a raw target: the path the application gets, or "400". */
function predicted(target: string): string {
  const normalised = normalisePath(target);
  if ("problem" in normalised) return "400";
  return parsePath(normalised.path, createPathView()) === undefined ? normalised.path : "400";
}

describe("the model of the proxy's normalisation", () => {
  const pieces = new Pieces();

  before(async () => {
    await pieces.start({ "policy.yaml": policies });
    await pieces.untilStatus(200, "/ready");
  });
  after(() => pieces.stop());

  it(`foretells what a real Envoy and scorer do with ${targets} raw targets`, async function () {
    this.timeout(180_000);
    const random = seeded(20_261_124);
    const differences: Difference[] = [];
    let served = 0;
    for (let number = 0; number < targets; number++) {
      // Envoy reads a request line with blanks in another way; the model is about targets.
      const target = randomTarget(random).replaceAll(/[\r\n\t ]/g, "_");
      const head = `GET ${target} HTTP/1.1\r\nhost: demo.example\r\nconnection: close\r\n\r\n`;
      pieces.seen.length = 0;
      const { statuses } = await sendHttp1(pieces.port, Buffer.from(head, "latin1"));
      const expected = predicted(target);
      const url = pieces.seen[0]?.url;
      if (url !== undefined) served++;
      const found = url ?? String(statuses[0] ?? "closed");
      if (found !== expected) differences.push({ target, expected, found });
    }
    assert.deepEqual(differences.slice(0, 10), [], `${differences.length} of ${targets} differ`);
    assert.ok(served > targets / 10, `only ${served} were served, so little was compared`);
  });
});
