import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chartFolder, helmOrSkip, runHelm } from "./render.ts";

/** What Helm prints after an install with these values. */
function notes(values: unknown): string {
  const home = mkdtempSync(join(tmpdir(), "picket-notes-"));
  try {
    const file = join(home, "values.json");
    writeFileSync(file, JSON.stringify(values));
    const where = ["--namespace", "picket-system", "--dry-run=client", "--values", file];
    const { status, stdout, stderr } = runHelm(["install", "picket", chartFolder, ...where], home);
    assert.equal(status, 0, stderr);
    return stdout.slice(stdout.indexOf("NOTES:"));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const good = { injection: { failurePolicy: "Fail" } };

const warnings: readonly (readonly [title: string, values: unknown, sentence: RegExp])[] = [
  ["one operator", { operator: { replicas: 1 } }, /One operator: .* Set operator\.replicas to 2\./],
  ["one scorer", { scorer: { replicas: 1 } }, /One scorer: .* answer 503\. Set scorer\.replicas to 2\./],
  ["pods that may start unprotected", { injection: { failurePolicy: "Ignore" } }, /pods start unprotected/],
  ["no injection", { injection: { enabled: false } }, /Injection is off: no pod gets a sidecar\./],
  ["no network policy", { networkPolicy: { enabled: false } }, /every pod of the cluster can ask the scorers/],
  ["a monitor that nobody selects", { metrics: { podMonitor: { enabled: true } } }, /podMonitor\.labels is empty/],
  ["a monitor that nobody reads", { metrics: { serviceMonitor: { enabled: true } } }, /Prometheus operator is not in/],
  ["rules that nobody selects", { metrics: { rules: { enabled: true } } }, /metrics\.rules\.labels is empty/],
  [
    "kinds that go with the chart",
    { crds: { keep: false } },
    /kinds +installed, DELETED WITH EVERY POLICY at uninstall/,
  ],
];

describe("NOTES of the chart", () => {
  before(async function () {
    await helmOrSkip(this);
  });

  it("say the state and three commands, and that nothing is missing by saying nothing", () => {
    const text = notes(good);
    assert.match(text, /mode +Observe.*\n.*injection +webhook, Redirect, failurePolicy Fail\n.*operator +2 replicas\n/);
    assert.doesNotMatch(text, /What is missing/);
    assert.equal(text.slice(text.indexOf("Next:")).trim().split("\n").slice(2).length, 3);
  });

  for (const [title, values, sentence] of warnings) {
    it(`warn of ${title}`, () => assert.match(notes({ ...good, ...(values as object) }), sentence));
  }

  it("say how many scorers there will be where they follow their CPU", () => {
    const text = notes({ scorer: { autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 5 } } });
    assert.match(text, /scorer +2 to 5 replicas/);
  });
});
