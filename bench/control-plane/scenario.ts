import { setTimeout as sleep } from "node:timers/promises";
import { injectionSettings } from "../../operator/inject/injection.ts";
import { clusterSettings } from "../../operator/config.ts";
import { scorerAudience } from "../../operator/xds/auth.ts";
import { proxyAudience } from "../../operator/inject/names.ts";
import { readConfig } from "../../platform/config.ts";
import { poll } from "../../test/cluster/rig/poll.ts";
import type { BenchApi } from "./api.ts";
import { nowMs } from "./clock.ts";
import { Fleet } from "./fleet.ts";
import { ForeignLoad } from "./machine.ts";
import type { ClientCount, ClientOrder } from "./messages.ts";
import {
  changedSpec,
  floor,
  floorPath,
  inParallel,
  makePods,
  nameOf,
  ownNamespace,
  policyPath,
  range,
  removePods,
  type BenchPod,
  type Shape,
} from "./objects.ts";
import { environmentOf, Operator, type OperatorOptions } from "./operator.ts";
import { PolicyWatch, type StatusWrites } from "./policy-watch.ts";
import { spread, type Spread } from "./spread.ts";

/** Clients that answer no more for this long have all answered. */
const quietMs = 300;
/** How long one change may take to get everywhere. */
const changeMsMax = 60_000;
const connectMsMax = 180_000;
const idleMs = 10_000;

export interface ScenarioOptions {
  readonly shape: Shape;
  readonly proxies: number;
  readonly policies: number;
  readonly changes: number;
  /** Changes that touch every workload. */
  readonly wideChanges: number;
  readonly port: number;
  readonly scorers: readonly BenchPod[];
  readonly operator: OperatorOptions;
  readonly say: (line: string) => void;
}

export interface ScenarioResult {
  readonly shape: Shape;
  /** From the start of the program until it serves. */
  readonly startSeconds: number;
  /** From the first connection until all run everything. */
  readonly connectSeconds: number;
  readonly changes: Changes;
  readonly wideChanges: Changes;
  readonly idle: { readonly cpuCores: number; readonly rssMiB: number };
  readonly peakMiB: number;
  readonly cpuSeconds: number;
  readonly restart: Restart;
  readonly writes: StatusWrites;
  readonly foreignCores: readonly number[];
}

export interface Changes {
  readonly count: number;
  /** Milliseconds from before the write, and from the watch event, until the last client has said that it has it. */
  readonly fromWrite: Spread;
  readonly fromEvent: Spread;
  /** The same for all clients of all changes. */
  readonly eachFromEvent: Spread;
  /** Clients that got something of a change that is none of theirs. */
  readonly strangers: number;
  readonly cpuMsPerChange: number;
  readonly reconcileMs: number;
  readonly reconciles: number;
}

export interface Restart {
  /** From the end of the old program. */
  readonly readySeconds: number;
  readonly convergedSeconds: number;
  /** Between the first and the last client that is connected again. */
  readonly spreadSeconds: number;
  readonly resourcesSentAgain: number;
  /** Streams that ended, by gRPC status. */
  readonly ended: Readonly<Record<string, number>>;
  readonly peakMiB: number;
}

export async function runScenario(api: BenchApi, options: ScenarioOptions): Promise<ScenarioResult> {
  const { shape, proxies, changes, wideChanges, port, scorers, say } = options;
  const load = new ForeignLoad();
  const foreignCores: number[] = [];
  const phase = (what: string): void => {
    foreignCores.push(load.look());
    say(`${shape}: ${what} (others used ${foreignCores.at(-1)!.toFixed(2)} cores meanwhile)`);
  };

  const settings = injectionSettings(readConfig(clusterSettings, environmentOf(options.operator)));
  const pods = await makePods(api, { shape, proxies, port, settings });
  const ordered = await inParallel(pods, (pod) => orderOf(api, pod, "proxy"));
  const scoring = await inParallel(scorers, (pod) => orderOf(api, pod, "scorer"));
  const watch = new PolicyWatch(api);
  await watch.start();
  phase("objects are made");

  let fleet: Fleet | undefined;
  const startedMs = nowMs();
  let operator = new Operator(options.operator);
  try {
    await operator.ready();
    const startSeconds = (nowMs() - startedMs) / 1000;
    phase(`operator serves after ${startSeconds.toFixed(1)} s`);
    const trust = (await poll(() => api.request("GET", `/api/v1/namespaces/${ownNamespace}/configmaps/picket-trust`), {
      timeoutMs: 30_000,
      what: "the bundle of authorities",
    })) as { readonly data: { readonly "ca.crt": string } };
    const connectingMs = nowMs();
    fleet = new Fleet({
      target: {
        port: options.operator.port,
        serverName: `picket-operator.${ownNamespace}.svc`,
        ca: trust.data["ca.crt"],
      },
      proxies: ordered,
      scorers: scoring,
      canaryPort: port,
    });
    await synced(operator, proxies, scorers.length);
    const connectSeconds = (nowMs() - connectingMs) / 1000;
    phase(`all are connected and run everything after ${connectSeconds.toFixed(1)} s`);
    await statusIsQuiet(operator);
    phase("status is written");

    const idleFrom = operator.use();
    await sleep(idleMs);
    const idleTo = operator.use();
    phase("idle");

    const changed = await measureChanges(api, {
      fleet,
      operator,
      watch,
      count: changes,
      write: (turn) => {
        const index = shape === "one" ? 0 : (turn * 7) % options.policies;
        return {
          path: policyPath(index),
          name: nameOf(index),
          body: changedSpec(index, turn + 1),
          targets: shape === "one" ? range(proxies) : [index],
        };
      },
    });
    phase(`${changes} changes`);
    const wide = await measureChanges(api, {
      fleet,
      operator,
      watch,
      count: wideChanges,
      write: (turn) => ({ path: floorPath, name: undefined, body: floor(turn + 1), targets: range(proxies) }),
    });
    phase(`${wideChanges} changes for all workloads`);
    const before = operator.use();
    const writes = watch.writes(startedMs);
    await statusIsQuiet(operator);

    fleet.reset();
    await operator.stop();
    const stoppedMs = nowMs();
    operator = new Operator(options.operator);
    await operator.ready();
    const readySeconds = (nowMs() - stoppedMs) / 1000;
    await synced(operator, proxies, scorers.length);
    const convergedSeconds = (nowMs() - stoppedMs) / 1000;
    await sleep(quietMs);
    const again = await fleet.proxies();
    const opened = again.map(({ lastOpenedMs }) => lastOpenedMs);
    phase(`restarted in ${convergedSeconds.toFixed(1)} s`);
    return {
      shape,
      startSeconds,
      connectSeconds,
      changes: changed,
      wideChanges: wide,
      idle: { cpuCores: (idleTo.cpuSeconds - idleFrom.cpuSeconds) / (idleMs / 1000), rssMiB: idleTo.rssMiB },
      peakMiB: before.peakMiB,
      cpuSeconds: before.cpuSeconds,
      restart: {
        readySeconds,
        convergedSeconds,
        spreadSeconds: (Math.max(...opened) - Math.min(...opened)) / 1000,
        resourcesSentAgain: again.reduce((sum, { resources }) => sum + resources, 0),
        ended: endsOf(again),
        peakMiB: operator.use().peakMiB,
      },
      writes,
      foreignCores,
    };
  } catch (error) {
    say(operator.tail());
    for (const [state, count] of statesOf((await fleet?.proxies()) ?? [])) say(`${count} clients: ${state}`);
    throw error;
  } finally {
    await fleet?.stop();
    await operator.stop();
    await watch.stop();
    await removePods(api, pods);
    await api.request("DELETE", floorPath).catch(() => undefined);
  }
}

interface ChangeOptions {
  readonly fleet: Fleet;
  readonly operator: Operator;
  readonly watch: PolicyWatch;
  readonly count: number;
  readonly write: (turn: number) => {
    readonly path: string;
    /** Name of the policy whose watch event is waited for; undefined: there is none. */
    readonly name: string | undefined;
    readonly body: unknown;
    /** Places of the clients that it concerns. */
    readonly targets: readonly number[];
  };
}

async function measureChanges(api: BenchApi, options: ChangeOptions): Promise<Changes> {
  const { fleet, operator, watch, count, write } = options;
  const fromWrite: number[] = [];
  const fromEvent: number[] = [];
  const each: number[] = [];
  let strangers = 0;
  const metricsBefore = await operator.metrics();
  const cpuBefore = operator.use().cpuSeconds;
  for (let turn = 0; turn < count; turn++) {
    const { path, name, body, targets } = write(turn);
    fleet.reset();
    const wroteMs = nowMs();
    const answer = (await put(api, path, body)) as { readonly metadata: { readonly generation: number } };
    const eventMs = name === undefined ? nowMs() : await watch.arrival(name, answer.metadata.generation);
    const clients = await allHave(fleet, targets);
    const last = Math.max(...targets.map((place) => clients[place]!.lastAckMs));
    fromWrite.push(last - wroteMs);
    fromEvent.push(last - eventMs);
    for (const place of targets) each.push(clients[place]!.lastAckMs - eventMs);
    const concerned = new Set(targets);
    strangers += clients.filter(({ answers }, place) => answers > 0 && !concerned.has(place)).length;
  }
  const cpuMs = (operator.use().cpuSeconds - cpuBefore) * 1000;
  // A scrape may be as old as ten times what it took to make.
  await sleep(1_000);
  const metricsAfter = await operator.metrics();
  const difference = (name: string): number => metricsAfter.sum(name) - metricsBefore.sum(name);
  const reconciles = difference("picket_reconcile_duration_seconds_count");
  return {
    count,
    fromWrite: spread(fromWrite),
    fromEvent: spread(fromEvent),
    eachFromEvent: spread(each),
    strangers,
    cpuMsPerChange: count === 0 ? 0 : cpuMs / count,
    reconciles,
    reconcileMs: reconciles === 0 ? 0 : (difference("picket_reconcile_duration_seconds_sum") / reconciles) * 1000,
  };
}

/** A cluster policy is made by its first write. */
async function put(api: BenchApi, path: string, body: unknown): Promise<unknown> {
  try {
    return await api.request("PATCH", path, body);
  } catch (error) {
    if (path !== floorPath) throw error;
    return api.request("POST", path.slice(0, path.lastIndexOf("/")), body);
  }
}

/** Waits until these clients have all got something, and nobody gets more. */
async function allHave(fleet: Fleet, targets: readonly number[]): Promise<readonly ClientCount[]> {
  let answers = -1;
  return poll(
    async () => {
      const clients = await fleet.proxies();
      const sum = clients.reduce((total, client) => total + client.answers, 0);
      const isQuiet = sum === answers;
      answers = sum;
      return isQuiet && targets.every((place) => clients[place]!.answers > 0) ? clients : undefined;
    },
    { timeoutMs: changeMsMax, what: "the last answer to a change", intervalMs: quietMs },
  );
}

async function synced(operator: Operator, proxies: number, scorers: number): Promise<void> {
  let state: readonly number[] = [];
  await poll(
    async () => {
      const metrics = await operator.metrics();
      state = [
        metrics.value('picket_xds_clients{group="proxy"}'),
        metrics.value('picket_sidecars{state="synced"}'),
        metrics.value('picket_scorers{state="synced"}'),
      ];
      return state[0] === proxies && state[1] === proxies && state[2] === scorers;
    },
    { timeoutMs: connectMsMax, what: "every client running everything", intervalMs: 200 },
  ).catch((error: unknown) => {
    throw new Error(`connected, synced, scorers: ${state.join(", ")}`, { cause: error });
  });
}

async function statusIsQuiet(operator: Operator): Promise<void> {
  let quiet = 0;
  await poll(
    async () => {
      const depth = (await operator.metrics()).value('picket_workqueue_depth{controller="status"}');
      quiet = depth === 0 ? quiet + 1 : 0;
      return quiet >= 6;
    },
    { timeoutMs: connectMsMax, what: "the end of status writes", intervalMs: 1_000 },
  );
}

async function orderOf(api: BenchApi, pod: BenchPod, kind: ClientOrder["kind"]): Promise<ClientOrder> {
  const token = await api.token(pod, kind === "proxy" ? proxyAudience : scorerAudience);
  return { kind, node: `${pod.namespace}/${pod.name}/${pod.uid}`, address: pod.address, token };
}

/** For people who look for a reason. */
function statesOf(clients: readonly ClientCount[]): ReadonlyMap<string, number> {
  const states = new Map<string, number>();
  for (const { isOpen, opened, answers, refused } of clients) {
    const state = JSON.stringify({ isOpen, opened, answers, refused });
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  return states;
}

function endsOf(clients: readonly ClientCount[]): Readonly<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (const { refused } of clients) {
    for (const [status, count] of Object.entries(refused)) ends[status] = (ends[status] ?? 0) + count;
  }
  return ends;
}
