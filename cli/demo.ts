import { setTimeout as sleep } from "node:timers/promises";
import { openApplicationLog } from "./demo/application-log.ts";
import { findRefusal, judgeAttack, runAttack, type Attack, type Scene, type SentAttack } from "./demo/attack.ts";
import { attacks } from "./demo/attacks.ts";
import { startBank } from "./demo/bank.ts";
import type { Child } from "./demo/child.ts";
import { DemoError } from "./demo/demo-error.ts";
import { serviceNames, type Target } from "./demo/exchange.ts";
import { createHonestClient } from "./demo/honest-client.ts";
import { planHour } from "./demo/hour.ts";
import { measureLatency } from "./demo/latency.ts";
import { createHonestRecord, logIn, playLife, type HonestRecord } from "./demo/normal-life.ts";
import { readPeople, type People } from "./demo/people.ts";
import { explain, picketProgram, startPicket, waitUntilReady } from "./demo/picket-process.ts";
import { examplesOf, exitCodeOf, hasPassed, printReport, type DemoReport } from "./demo/report.ts";
import { createProgress, group, type Environment, type Output, type Progress } from "./demo/screen.ts";
import { copyPolicies, createStage, findFreePorts, type Stage } from "./demo/stage.ts";
import { createIssuerKey, type IssuerKey } from "./demo/tokens.ts";
import type { CommandCode } from "./errors.ts";

export interface DemoOptions {
  readonly output: "table" | "json";
  /** Name of the only attack to run; undefined: all of them. */
  readonly attack?: string | undefined;
  /** Progress is redrawn in place; otherwise it is a plain line now and then. */
  readonly interactive: boolean;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Ends the demo early. Without it, the demo listens for SIGINT and SIGTERM itself while it runs. */
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Environment | undefined;
  /** What is started as `picket`; `bin/picket` of this checkout when undefined. */
  readonly program?: string | undefined;
}

/** The same hour in each demo. */
const seed = 20_260_105;
const simulatedMinutes = 60;
/** With one attack only, a shorter while of normal life is enough to see that honest people are served. */
const simulatedMinutesForOne = 10;
const secondsPerSimulatedMinute = 1 / 3;
const latencyPairs = 500;
const graceMs = 10_000;
/** A request whose connection broke may still be on its way into the application's log. */
const settleMs = 300;

/** Runs the demo and returns its exit code: 0 fine, 1 something got through or was wrongly refused, 2 wrong usage. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const chosen = attacks.filter(({ name }) => options.attack === undefined || name === options.attack);
  if (chosen.length === 0) {
    const names = attacks.map(({ name }) => name).join(", ");
    options.stderr.write(`error: no attack is named like that [PKT0901]\ntry:   --attack with one of ${names}\n`);
    return 2;
  }
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new DemoError("stopped"));
  const own = options.signal === undefined;
  if (own) for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, onSignal);
  const signal = options.signal === undefined ? stop.signal : options.signal;
  try {
    const environment = options.environment ?? process.env;
    const progress = createProgress(options.stderr, environment, options.interactive, () => performance.now());
    const report = await play({ program: options.program ?? picketProgram, chosen, progress, signal });
    const text =
      options.output === "json" ? `${JSON.stringify(report)}\n` : printReport(report, options.stdout, environment);
    options.stdout.write(text);
    return exitCodeOf(report);
  } catch (error) {
    if (signal.aborted) {
      options.stderr.write("\nstopped; everything that the demo started has ended\n");
      return 130;
    }
    const code: CommandCode = error instanceof DemoError ? "PKT0908" : "PKT0909";
    options.stderr.write(`\nerror: ${error instanceof Error ? error.message : "unknown"} [${code}]\n`);
    if (error instanceof DemoError && error.details !== "") options.stderr.write(`${error.details}\n`);
    options.stderr.write("try:   bin/picket run examples/bank, to see Picket start by itself\n");
    return 1;
  } finally {
    if (own) for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, onSignal);
  }
}

/** Sets the stage, plays, and clears it away, whatever happens in between. */
async function play(plan: Plan): Promise<DemoReport> {
  const key = createIssuerKey();
  const stage = createStage(key);
  const children: Child[] = [];
  try {
    return await playOn({ ...plan, stage, key, keep: (child) => children.push(child) });
  } finally {
    // In reverse: Picket first, so that it never faces services that are gone.
    for (const child of children.toReversed()) await child.stop(graceMs);
    stage.remove();
  }
}

interface Plan {
  readonly program: string;
  readonly chosen: readonly Attack[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

interface Staged extends Plan {
  readonly stage: Stage;
  readonly key: IssuerKey;
  readonly keep: (child: Child) => void;
}

async function playOn(staged: Staged): Promise<DemoReport> {
  const { program, stage, key, chosen, progress, signal } = staged;
  const started = performance.now();
  progress.say("Picket demo: a small bank, its policies, an hour of normal life, and attacks");
  const start = progress.begin("starting", 1);
  const { direct, target, statusPort } = await startAll(staged);
  start.end("four services, Envoy and the scorer are up");

  const log = openApplicationLog(serviceNames.map(stage.logOf));
  const client = createHonestClient();
  try {
    const people = readPeople();
    const record = createHonestRecord(client, target);
    const minutes = chosen.length === 1 ? simulatedMinutesForOne : simulatedMinutes;
    const visits = planHour(people, seed, minutes);
    const hour = progress.begin(
      "normal life",
      visits.reduce((sum, { steps }) => sum + steps.length, 0),
    );
    const began = performance.now();
    const { tokens } = await playLife({
      visits,
      speed: 60 / secondsPerSimulatedMinute,
      record,
      people,
      signal,
      onStep: () => hour.step(clockOf((performance.now() - began) / 1_000 / secondsPerSimulatedMinute)),
    });
    log.refresh();
    const refusedSoFar = record.refused(log).length;
    hour.end(`${group(record.sent)} requests, ${group(refusedSoFar)} refused`, refusedSoFar === 0);

    const measure = progress.begin("added latency", latencyPairs);
    const latency = await measureLatency({
      client,
      record,
      direct,
      tokens,
      people,
      pairs: latencyPairs,
      signal,
      onPair: () => measure.step(),
    });
    measure.end(`p50 ${latency.added.p50Ms} ms, p99 ${latency.added.p99Ms} ms`);

    const scene = await prepareScene(people, key, record);
    const sent: SentAttack[] = [];
    for (const attack of chosen) {
      const task = progress.begin(attack.title, attack.attempts(scene).length);
      const done = await runAttack({ attack, scene, target, record, signal, onAttempt: () => task.step() });
      sent.push(done);
      log.refresh();
      const { tried, reached } = judgeAttack(done, log);
      task.end(`${group(tried)} tried, ${group(reached)} reached the application`, reached === 0);
    }

    // Counted again at the very end: whatever arrived late counts too.
    await sleep(settleMs, undefined, { signal });
    log.refresh();
    const results = sent.map((one) => judgeAttack(one, log));
    const grievances = record.refused(log);
    const refusal = sent.map((one) => findRefusal(one, log)).find((found) => found !== undefined);
    const counts = {
      honest: { sent: record.sent, refused: grievances.length },
      attacks: results,
      unexplained: log.unexplained.length,
    };
    return {
      apiVersion: "cli.picket.dev/v1",
      kind: "DemoReport",
      passed: hasPassed(counts),
      seed,
      seconds: Math.round((performance.now() - started) / 100) / 10,
      honest: { simulatedMinutes: minutes, ...counts.honest, examples: examplesOf(grievances) },
      attacks: results,
      unexplained: counts.unexplained,
      latency,
      refusal:
        refusal === undefined
          ? undefined
          : { ...refusal, explanation: await explain(program, refusal.decision, stage, statusPort) },
    };
  } finally {
    client.close();
    log.close();
  }
}

interface Started {
  readonly direct: Target;
  readonly target: Target;
  readonly statusPort: number;
}

async function startAll({ program, stage, key, keep, signal }: Staged): Promise<Started> {
  const bank = await startBank(stage, keep);
  const [login = 0, accounts = 0, transfers = 0, admin = 0, statusPort = 0] = await findFreePorts(5);
  const target = { login, accounts, transfers, admin };
  copyPolicies(stage, key, target, bank.ports);
  const picket = startPicket(program, stage, statusPort);
  keep(picket);
  await waitUntilReady(picket, statusPort, signal);
  return { direct: bank.ports, target, statusPort };
}

/** The attacker is a real customer, and has got hold of two tokens of staff that do not suffice. */
async function prepareScene(people: People, key: IssuerKey, record: HonestRecord): Promise<Scene> {
  const attacker = people.named("mallory");
  return {
    people,
    key,
    attacker,
    attackerToken: await logIn(record, people, attacker, false),
    victim: people.named("alice"),
    tellerToken: await logIn(record, people, people.named("tina"), true),
    weakAdminToken: await logIn(record, people, people.named("sam"), false),
    nowSeconds: Math.floor(Date.now() / 1_000),
  };
}

/** The bank opens at nine: minute 61.5 is `10:01`. */
function clockOf(minute: number): string {
  const total = 9 * 60 + Math.floor(minute);
  return `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
}
