import { modes, type Mode } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Canaries, type CanaryAddress, type CanaryTarget, type Probe } from "../canary/canaries.ts";
import type { OperatorMetrics } from "../metrics.ts";
import type { ReadText, SourceSnapshot } from "../provider/provider.ts";
import { assess, sumOf, type Assessment } from "../status/assess.ts";
import type { Destinations } from "../keys/destination.ts";
import type { KeySource } from "../keys/key-fetcher.ts";
import type { StatusStore } from "../status/status-store.ts";
import type { AdsServer } from "../xds/server.ts";
import type { Running } from "../xds/running.ts";
import { isSameMemory, type Memory } from "./accepted.ts";
import { problemEventsMax, type OperatorEvent } from "./event.ts";
import { excessOf } from "./excess.ts";
import { hashText } from "./generation.ts";
import { policyKinds } from "./in-force.ts";
import { noKeys, type KeyState } from "./issuer-keys.ts";
import {
  makePlan,
  scorerGroup,
  type ClosedReason,
  type Placement,
  type Plan,
  type PlannedWorkload,
  type Translator,
} from "./plan.ts";
import { Publisher } from "./publisher.ts";
import { rememberedMerges } from "./remembered-merges.ts";
import { settle, type Settled } from "./settle.ts";

/**
 * Milliseconds for which answers of clients are gathered before the status is looked at again, and how many times as
 * long as the last look took: a thousand proxies that answer at once must not keep the operator busy counting them.
 */
const gatherMs = 20;
const gatherShare = 10;

/** Longest that the first publication waits for keys; a fetch takes less. */
const keysAwaitedMs = 6_000;

/** Longest that a timer is set for; the clock may be changed meanwhile. */
const timerMsMax = 60 * 60 * 1000;

const closedReasons: readonly ClosedReason[] = ["bad-object", "not-translated", "canary-failed"];

export interface ReconcilerOptions {
  readonly ads: Pick<AdsServer, "publish" | "published" | "retire" | "count">;
  readonly translator: Translator;
  readonly read: ReadText;
  readonly status: Pick<StatusStore, "update">;
  /** What other replicas closed because an application answered. Absent where there are no others. */
  readonly leaksElsewhere?: () => Iterable<readonly [workload: string, revision: string]>;
  /** Where the operator reaches a pod of a group of proxies; undefined while none is there. Absent in a folder. */
  readonly addressOf?: (group: string) => string | undefined;
  readonly probe: Probe;
  /** Keys that the operator fetches; without it none are. */
  readonly keys?: KeySource | undefined;
  /** Places that keys are never fetched from, and whether this machine is one. */
  readonly keyPlaces?: Omit<Destinations, "hosts">;
  readonly memory: Memory;
  /** Keeps the memory when it has changed; before anything is published. */
  readonly save: (memory: Memory) => void;
  readonly emit: (event: OperatorEvent) => void;
  readonly metrics: OperatorMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Read, plan, publish: turns each snapshot of the source into what proxies and scorers run, and tells how far they are. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #canaries: Canaries;
  readonly #publisher: Publisher;
  readonly #merges = rememberedMerges();
  /** A fingerprint holds for one plan. */
  readonly #fingerprints = new WeakMap<PlannedWorkload, string>();
  /** Workloads closed because their application answered, with what did not protect them. */
  readonly #leaking = new Map<string, string>();
  #leaksElsewhere = "[]";
  /** The newest that was not too much. */
  #snapshot: SourceSnapshot | undefined;
  #sourceFault: string | undefined;
  /** Why the source as it is now is too much. */
  #excess: string | undefined;
  #memory: Memory;
  #saved: Memory | undefined;
  #current: { readonly settled: Settled; readonly plan: Plan } | undefined;
  #assessment: Assessment | undefined;
  #announced = new Map<string, string>();
  #announcedProblems = "";
  /** How strictly each workload was judged; undefined: no policy spoke about it. */
  #strictness = new Map<string, Mode | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #keysTimer: NodeJS.Timeout | undefined;
  /** Until when the first publication waits for keys; undefined before the first snapshot. */
  #keysAwaitedUntil: number | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #lookMs = 0;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#publisher = new Publisher(options.ads, options.log);
    this.#canaries = new Canaries({
      probe: options.probe,
      clock: options.clock,
      log: options.log,
      proven: () => this.clientsChanged(),
      leaked: (target) => this.#leaked(target),
    });
  }

  /** A new state of the source. */
  take(snapshot: SourceSnapshot): void {
    this.#run(snapshot);
  }

  /** The source cannot be read as a whole: what is in force stays. Undefined: it can again. */
  sourceUnreadable(why: string | undefined): void {
    if (this.#sourceFault === why) return;
    this.#sourceFault = why;
    if (why !== undefined) {
      this.#options.log.error("the source cannot be read; what is in force stays", { why });
      this.#options.emit({ event: "source-unreadable", message: why });
    }
    this.clientsChanged();
  }

  /** A proxy or scorer came, went, or answered. */
  clientsChanged(): void {
    if (this.#gathering !== undefined || this.#isStopped) return;
    this.#gathering = setTimeout(
      () => {
        this.#gathering = undefined;
        const startedAt = this.#options.clock.monotonic();
        this.#look();
        this.#lookMs = this.#options.clock.monotonic() - startedAt;
      },
      Math.max(gatherMs, gatherShare * this.#lookMs),
    );
  }

  /** Another replica said something new of its clients, or of a workload that leaks. */
  peersChanged(): void {
    const leaks = JSON.stringify([...(this.#options.leaksElsewhere?.() ?? [])]);
    if (leaks === this.#leaksElsewhere) return this.clientsChanged();
    this.#leaksElsewhere = leaks;
    this.#run();
  }

  /** Workloads that this replica closed because their application answered, with the revision. */
  leaks(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#leaking);
  }

  /** Names of workloads about which a policy speaks. */
  governed(): ReadonlySet<string> {
    const workloads = this.#current?.plan.workloads ?? [];
    return new Set(workloads.filter(({ effective }) => effective.sources.length > 0).map(({ name }) => name));
  }

  /** Fetched keys differ, are fresh again, or do not come. */
  keysChanged(): void {
    if (this.#keysTimer !== undefined || this.#isStopped) return;
    this.#keysTimer = setTimeout(() => {
      this.#keysTimer = undefined;
      this.#run();
    }, gatherMs);
  }

  readiness(): { readonly ready: boolean; readonly reason: string } {
    const fault = this.#sourceFault ?? this.#excess;
    if (fault !== undefined) return { ready: false, reason: fault };
    if (this.#assessment === undefined) return { ready: false, reason: "the source has not been read yet" };
    return { ready: this.#assessment.ready, reason: this.#assessment.reason };
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#keysTimer);
    clearTimeout(this.#gathering);
    this.#canaries.stop();
  }

  #run(snapshot = this.#snapshot): void {
    const { metrics, clock, log } = this.#options;
    const startedAt = clock.monotonic();
    try {
      if (snapshot !== undefined && !this.#isStopped) this.#reconcile(snapshot);
      metrics.reconciles.inc({ controller: "policies", result: "done" });
    } catch (error) {
      metrics.reconciles.inc({ controller: "policies", result: "fault" });
      log.error("a change could not be taken over; what is in force stays", { error });
    }
    metrics.reconcileSeconds.observe({ controller: "policies" }, (clock.monotonic() - startedAt) / 1000);
  }

  #reconcile(snapshot: SourceSnapshot): void {
    const { read, clock, translator, metrics } = this.#options;
    const nowMs = clock.now();
    const settled = settle(snapshot, this.#memory, read, nowMs);
    // What time or a leak changes goes on with what was taken over last.
    if (snapshot !== this.#snapshot && !this.#fits(settled)) return;
    this.#snapshot = snapshot;
    const plan = makePlan({
      settled,
      opened: this.#memory.opened,
      leaking: new Map([...(this.#options.leaksElsewhere?.() ?? []), ...this.#leaking]),
      nowMs,
      translator,
      keyState: this.#keyState(),
      remember: this.#merges,
    });
    if (this.#awaitsKeys(plan, settled)) return;
    this.#remember({ accepted: settled.accepted, opened: openedBy(plan, this.#memory) });
    this.#current = { settled, plan };
    this.#forgetLeaks(plan);

    const { changed, nextMs = Number.POSITIVE_INFINITY } = this.#publisher.publish(plan, nowMs);
    if (changed) metrics.applied.set(nowMs / 1000);
    this.#announceStrictness(plan);
    this.#schedule(Math.min(nextMs, plan.nextMs ?? Number.POSITIVE_INFINITY), nowMs);
    this.#look();
  }

  #keyState(): KeyState {
    const { keys } = this.#options;
    return keys === undefined ? noKeys : { keys: keys.keys(), faults: keys.faults() };
  }

  /**
   * Follows the keys that are named. After a start nothing is published for a moment while they are being fetched:
   * proxies that run on would be told that there are none.
   */
  #awaitsKeys({ followed }: Plan, { inForce }: Settled): boolean {
    const { keys, keyPlaces = { mayBeLoopback: false, never: [] }, clock } = this.#options;
    if (keys === undefined) return false;
    keys.follow(followed, { hosts: inForce.config?.keys, ...keyPlaces });
    this.#keysAwaitedUntil ??= clock.monotonic() + keysAwaitedMs;
    const leftMs = this.#keysAwaitedUntil - clock.monotonic();
    if (this.#current !== undefined || keys.isSettled || leftMs <= 0) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), leftMs);
    return true;
  }

  /** A source that is too much counts as one that cannot be read: half of it would be a weaker policy. */
  #fits(settled: Settled): boolean {
    const excess = excessOf(settled);
    if (excess !== undefined && excess !== this.#excess) {
      this.#options.log.error("the source holds too much; what is in force stays", { why: excess });
      this.#options.emit({ event: "source-unreadable", message: excess });
    }
    this.#excess = excess;
    return excess === undefined;
  }

  #schedule(nextMs: number, nowMs: number): void {
    clearTimeout(this.#timer);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#run(), Math.min(timerMsMax, Math.max(1, nextMs - nowMs)));
  }

  #remember(memory: Memory): void {
    this.#memory = memory;
    if (this.#saved !== undefined && isSameMemory(memory, this.#saved)) return;
    this.#options.save(memory);
    this.#saved = memory;
  }

  /** A workload that is gone and comes back is proven anew. */
  #forgetLeaks({ workloads }: Plan): void {
    const names = new Set(workloads.map(({ name }) => name));
    for (const name of this.#leaking.keys()) if (!names.has(name)) this.#leaking.delete(name);
  }

  #leaked(target: CanaryTarget): void {
    this.#options.metrics.canaryFailures.inc();
    this.#leaking.set(target.workload, target.revision);
    this.#run();
  }

  /** Compares what should run with what does, and asks the canaries where it does. */
  #look(): void {
    if (this.#current === undefined || this.#isStopped) return;
    const { ads, status, emit } = this.#options;
    const { settled, plan } = this.#current;
    const before = this.#assessment;
    this.#canaries.follow(plan.workloads.flatMap((workload) => this.#targetOf(workload)));
    const assessment = assess(settled, plan, {
      count: (group, resources) => ads.count(group, resources),
      isProven: (workload) => this.#canaries.isProven(workload.name, this.#fingerprintOf(workload)),
    });
    this.#assessment = assessment;
    status.update(assessment.objects);
    this.#measure(assessment, plan);
    this.#announceProblems([...settled.problems, ...assessment.problems]);
    this.#announceWorkloads(assessment);
    if (assessment.ready && before?.ready !== true) {
      const isEmpty = plan.workloads.length === 0 && settled.inForce.policies.length === 0;
      emit({ event: "ready", isEmpty });
    }
    if (!assessment.ready && (before?.ready ?? true)) emit({ event: "not-ready", reason: assessment.reason });
  }

  /** An enforced workload that all proxies and scorers run is ready to be proven. */
  #targetOf(workload: PlannedWorkload): readonly CanaryTarget[] {
    const { ads } = this.#options;
    const { placements, state, scorer, effective, name } = workload;
    if (state.kind !== "open" || effective.mode !== "enforce") return [];
    const scorers = ads.count(scorerGroup, scorer);
    if (scorers.total === 0 || scorers.current < scorers.total) return [];
    const running = placements.filter(({ group, resources }) => {
      const { current, total } = ads.count(group, resources);
      return total > 0 && current === total;
    });
    const address = this.#addressOf(workload, running);
    if (address === undefined) return [];
    const { revision, canaryPath } = state.translation;
    return [{ workload: name, ...address, path: canaryPath, revision, fingerprint: this.#fingerprintOf(workload) }];
  }

  /** In a folder a workload listens in one place; in a cluster any pod of it will do. */
  #addressOf({ effective }: PlannedWorkload, running: readonly Placement[]): CanaryAddress | undefined {
    const { workload } = effective;
    if (running.length === 0) return undefined;
    const { addressOf } = this.#options;
    if (addressOf === undefined || workload.cluster === undefined) return workload.listen;
    for (const { group } of running) {
      const host = addressOf(group);
      const isRedirected = this.#current?.plan.captures.get(group) === "redirect";
      if (host !== undefined) return { host, port: isRedirected ? workload.upstream.port : workload.listen.port };
    }
    return undefined;
  }

  /** Everything that runs for a workload. A proof holds for this only. */
  #fingerprintOf(workload: PlannedWorkload): string {
    const known = this.#fingerprints.get(workload) ?? makeFingerprint(workload);
    this.#fingerprints.set(workload, known);
    return known;
  }

  #announceStrictness({ workloads }: Plan): void {
    const { emit, log } = this.#options;
    const strictness = new Map<string, Mode | undefined>();
    for (const { name, effective, state } of workloads) {
      const mode = effective.sources.length === 0 ? undefined : effective.mode;
      const isKnown = this.#strictness.has(name);
      const before = this.#strictness.get(name);
      strictness.set(name, mode);
      if (before !== undefined && modes.indexOf(effective.mode) < modes.indexOf(before)) {
        const less =
          effective.mode === "shadow"
            ? "only shadowed now: nothing is refused"
            : "only observed now: nothing is judged";
        log.info("workload is judged less strictly", { workload: name, mode: effective.mode });
        emit({ event: "loosened", workload: name, mode: effective.mode, message: `${name} is ${less}` });
      }
      if (mode === undefined && state.kind === "open" && (!isKnown || before !== undefined)) {
        emit({ event: "unprotected", workload: name, message: `${name} has no policy: every request passes unjudged` });
      }
    }
    this.#strictness = strictness;
  }

  #announceProblems(problems: readonly ObjectProblem[]): void {
    const { emit, log, metrics } = this.#options;
    metrics.objectProblems.set(problems.length);
    const text = JSON.stringify(problems);
    if (text === this.#announcedProblems) return;
    const isFirst = this.#announcedProblems === "";
    this.#announcedProblems = text;
    for (const problem of problems.slice(0, problemEventsMax)) {
      // Not louder: whoever reads events has it already.
      log.info(problem.message, { file: problem.file, line: problem.line, field: problem.field, code: problem.code });
      emit({ event: "problem", problem });
    }
    if (problems.length === 0 && !isFirst) emit({ event: "problems-solved" });
  }

  #announceWorkloads({ workloads }: Assessment): void {
    const { emit, log } = this.#options;
    const announced = new Map<string, string>();
    for (const { planned, programmed } of workloads) {
      const { name, state, effective } = planned;
      const before = this.#announced.get(name);
      if (state.kind === "closed") {
        const mark = `closed ${state.reason} ${state.message}`;
        announced.set(name, mark);
        if (before === mark) continue;
        log.error("workload closed: it answers 503 to everything", {
          workload: name,
          reason: state.reason,
          why: state.message,
        });
        emit({ event: "closed", workload: name, reason: state.reason, message: state.message });
      } else if (programmed.status === "True") {
        const mark = `open ${this.#fingerprintOf(planned)}`;
        announced.set(name, mark);
        if (before !== mark)
          emit({ event: "applied", workload: name, revision: state.translation.revision, mode: effective.mode });
      } else announced.set(name, before ?? "");
    }
    for (const name of this.#announced.keys()) if (!announced.has(name)) emit({ event: "removed", workload: name });
    this.#announced = announced;
  }

  #measure({ workloads, objects }: Assessment, plan: Plan): void {
    const { metrics, ads } = this.#options;
    metrics.policies.reset();
    for (const { object, conditions, mode } of objects) {
      if (!policyKinds.has(object.id.kind)) continue;
      const accepted = conditions.find(({ type }) => type === "Accepted");
      metrics.policies.inc({ condition: conditionWord(accepted?.reason ?? "Invalid"), mode: mode ?? "none" });
    }
    for (const reason of closedReasons) {
      const closed = workloads.filter(({ planned: { state } }) => state.kind === "closed" && state.reason === reason);
      metrics.workloadsClosed.set({ reason }, closed.length);
    }
    const unproven = workloads.filter(({ planned, status }) => planned.effective.mode === "enforce" && !status.proven);
    metrics.workloadsUnproven.set(unproven.length);
    const counted = [...plan.groups].map(([group, resources]) => ads.count(group, resources));
    setStates(metrics.sidecars, sumOf(counted));
    const compiled = plan.workloads.flatMap(({ scorer }) => scorer);
    setStates(metrics.scorers, ads.count(scorerGroup, compiled));
  }
}

function setStates(gauge: OperatorMetrics["sidecars"], { current, total, rejected }: Running): void {
  gauge.set({ state: "synced" }, current);
  gauge.set({ state: "rejected" }, rejected);
  gauge.set({ state: "stale" }, total - current - rejected);
}

/** Workloads that were served at least once and still exist. */
function openedBy(plan: Plan, memory: Memory): ReadonlySet<string> {
  const open = plan.workloads.filter(({ name, state }) => state.kind === "open" || memory.opened.has(name));
  return new Set(open.map(({ name }) => name).toSorted());
}

function makeFingerprint(workload: PlannedWorkload): string {
  const proxies = workload.placements.flatMap(({ group, resources }) =>
    resources.map(({ name, version }) => `${group} ${name} ${version}`),
  );
  return hashText([...proxies, ...workload.scorer.map(({ name, version }) => `${name} ${version}`)].join("\n"));
}

function conditionWord(reason: string): string {
  switch (reason) {
    case "Accepted":
      return "accepted";
    case "Conflicted":
      return "conflicted";
    case "TargetNotFound":
      return "target_not_found";
    default:
      return "invalid";
  }
}
