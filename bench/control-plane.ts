/**
 * What the operator costs with a thousand policies and a thousand connected proxies.
 *
 *   node bench/control-plane.ts [--shape one|each] [--proxies N] [--policies N] [--changes N] [--wide-changes N]
 *     [--fake] [--built] [--node=ARGUMENT…] [--log FILE] [--json]
 *
 * `one`: all proxies are of one workload. `each`: every proxy has a workload of its own. `--built` runs what `tsc --build`
 * made, as images do. `--node=--cpu-prof` gives Node an argument for the operator. The figures in docs/performance.md come from here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../test/cluster/rig/ports.ts";
import { startApi } from "./control-plane/api.ts";
import { machineOf } from "./control-plane/machine.ts";
import { makeObjects, makeScorers, type Shape } from "./control-plane/objects.ts";
import { runScenario, type Changes, type ScenarioResult } from "./control-plane/scenario.ts";

/** Goals: the last of a thousand proxies of one workload has a change this long after its watch event; memory. */
const lastAckMsMax = 700;
const memoryMiBMax = 400;
const scorers = 2;

const { values } = parseArgs({
  options: {
    shape: { type: "string" },
    proxies: { type: "string", default: "1000" },
    policies: { type: "string", default: "1000" },
    changes: { type: "string", default: "40" },
    "wide-changes": { type: "string", default: "3" },
    fake: { type: "boolean", default: false },
    built: { type: "boolean", default: false },
    node: { type: "string", multiple: true },
    log: { type: "string" },
    json: { type: "boolean", default: false },
  },
  strict: false,
});
const number = (text: unknown): number => Number(text);
const shapes: readonly Shape[] = values.shape === "one" || values.shape === "each" ? [values.shape] : ["one", "each"];
const say = (line: string): void => void process.stderr.write(`control-plane: ${line}\n`);

const results: ScenarioResult[] = [];
const folder = mkdtempSync(join(tmpdir(), "picket-bench-"));
const machine = machineOf();
const api = await startApi(values.fake === true ? "fake" : "real", say);
try {
  const port = await freePort();
  const policies = number(values.policies);
  await makeObjects(api, { policies, port });
  const scoring = await makeScorers(api, scorers);
  for (const shape of shapes) {
    results.push(
      await runScenario(api, {
        shape,
        proxies: number(values.proxies),
        policies,
        changes: number(values.changes),
        wideChanges: number(values["wide-changes"]),
        port,
        scorers: scoring,
        operator: {
          kubeconfig: api.kubeconfig,
          log: typeof values.log === "string" ? values.log : join(folder, "operator.log"),
          port: await freePort(),
          statusPort: await freePort(),
          isBuilt: values.built === true,
          nodeArguments: Array.isArray(values.node) ? values.node.map(String) : [],
        },
        say,
      }),
    );
  }
} finally {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
}

const isWithin = results.every(
  ({ shape, changes, wideChanges, peakMiB, restart }) =>
    (shape === "each" || changes.fromEvent.p99 <= lastAckMsMax) &&
    Math.max(peakMiB, restart.peakMiB) <= memoryMiBMax &&
    changes.strangers + wideChanges.strangers === 0 &&
    restart.resourcesSentAgain === 0,
);
if (values.json === true) {
  process.stdout.write(`${JSON.stringify({ machine, api: api.kind, results, isWithin }, null, 2)}\n`);
} else {
  process.stdout.write(`${machine}; ${api.kind} API server; Node ${process.version}\n`);
  for (const result of results) print(result);
  process.stdout.write(
    `goals: last ACK at most ${lastAckMsMax} ms after the watch event (one), ${memoryMiBMax} MiB, nothing to strangers, nothing again after a restart: ${isWithin ? "met" : "MISSED"}\n`,
  );
}
process.exitCode = isWithin ? 0 : 1;

function print(result: ScenarioResult): void {
  const { shape, changes, wideChanges, restart, idle, writes } = result;
  const line = (text: string): boolean => process.stdout.write(`  ${text}\n`);
  process.stdout.write(
    shape === "one" ? "one workload with all proxies\n" : "as many workloads as proxies, one proxy each\n",
  );
  line(`operator starts ${result.startSeconds.toFixed(1)} s, all connected ${result.connectSeconds.toFixed(1)} s`);
  printChanges("a changed policy", changes);
  printChanges("a changed policy for all workloads", wideChanges);
  line(
    `restart: serves after ${restart.readySeconds.toFixed(1)} s, all run everything after ${restart.convergedSeconds.toFixed(1)} s, reconnects over ${restart.spreadSeconds.toFixed(1)} s, resources sent again ${restart.resourcesSentAgain}, streams ended ${JSON.stringify(restart.ended)}`,
  );
  line(
    `memory: ${idle.rssMiB.toFixed(0)} MiB idle, ${Math.max(result.peakMiB, restart.peakMiB).toFixed(0)} MiB at most; CPU: ${idle.cpuCores.toFixed(3)} cores idle, ${result.cpuSeconds.toFixed(1)} s until the restart`,
  );
  line(
    `status writes: ${writes.count}, at most ${writes.perSecondMax} in a second, ${(writes.gapMsMin / 1000).toFixed(1)} s between two of one object`,
  );
  line(`others used ${result.foreignCores.map((cores) => cores.toFixed(2)).join(", ")} cores, phase by phase`);

  function printChanges(what: string, { count, fromWrite, fromEvent, eachFromEvent, strangers, ...rest }: Changes) {
    if (count === 0) return;
    const ms = (value: number): string => value.toFixed(0);
    line(
      `${what}, ${count} times: last ACK p50 ${ms(fromEvent.p50)} p99 ${ms(fromEvent.p99)} ms after the watch event (${ms(fromWrite.p50)} and ${ms(fromWrite.p99)} after the write); any ACK p50 ${ms(eachFromEvent.p50)} ms`,
    );
    line(
      `  ${strangers} proxies got what is not theirs; operator CPU ${ms(rest.cpuMsPerChange)} ms a change; ${rest.reconciles} reconciles of ${ms(rest.reconcileMs)} ms`,
    );
  }
}
