import { decodeDecision, decodeReason, type Refusal } from "./refusal.ts";
import type { ApplicationLog, LogEntry } from "./application-log.ts";
import type { Exchange, Outcome, Target } from "./exchange.ts";
import type { HonestRecord } from "./normal-life.ts";
import type { People, Person } from "./people.ts";
import { sendRaw } from "./raw-request.ts";
import type { IssuerKey } from "./tokens.ts";

/** What an attacker has: a genuine account of their own, two colleagues' tokens, and the public key. */
export interface Scene {
  readonly people: People;
  readonly key: IssuerKey;
  readonly attacker: Person;
  readonly attackerToken: string;
  readonly victim: Person;
  /** Staff with a second factor but without the role. */
  readonly tellerToken: string;
  /** The admin's token from a login without the second factor. */
  readonly weakAdminToken: string;
  readonly nowSeconds: number;
}

/** One hostile request. */
export interface Attempt {
  /** The trick in a few words, for the report. */
  readonly what: string;
  readonly exchange: Exchange;
  /**
   * Whether an arrival at the application did no harm, by the application's own words. Absent: every arrival is
   * harm.
   */
  readonly harmless?: (entry: LogEntry) => boolean;
}

export interface Attack {
  /** For `--attack`. */
  readonly name: string;
  readonly title: string;
  readonly attempts: (scene: Scene) => readonly Attempt[];
  /** How many harmless arrivals a limit lets through; further ones count as harm. Absent: no limit is attacked. */
  readonly allowance?: number;
  /** One after the other, because the order decides who meets the limit. */
  readonly inOrder?: boolean;
  /** Honest requests sent between the attempts, with the status that is right for them. */
  readonly bystanders?: (
    scene: Scene,
  ) => readonly { readonly exchange: Exchange; readonly expected: readonly number[] }[];
  /** What the numbers mean, where that needs a word. */
  readonly note?: string;
}

export interface AttackResult {
  readonly name: string;
  readonly title: string;
  readonly tried: number;
  /** Never in the application's log. */
  readonly refused: number;
  /** Arrived, with what made it an attack taken off, or within what a limit lets through. */
  readonly harmless: number;
  /** Arrived and did harm. */
  readonly reached: number;
  /** How often each status was answered; `0` is a connection that ended without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Why the refused ones were refused, as told to the caller, with how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly note?: string | undefined;
  /** What got through, the first few. */
  readonly leaks: readonly { readonly what: string; readonly served: string }[];
}

/** An attack that was sent, before the application's log says what became of it. */
export interface SentAttack {
  readonly attack: Attack;
  readonly attempts: readonly { readonly id: string; readonly attempt: Attempt; readonly outcome: Outcome }[];
}

/** Attempts under way at the same time, where order does not matter. */
const attemptsAtOnce = 4;
const leaksShownMax = 5;

export interface RunAttackOptions {
  readonly attack: Attack;
  readonly scene: Scene;
  readonly target: Target;
  /** Absent: bystanders stay at home. */
  readonly record?: HonestRecord;
  readonly signal: AbortSignal;
  readonly onAttempt: () => void;
}

/** Sends every attempt of an attack. The same attempts run against the bare services to show that they do harm. */
export async function runAttack(options: RunAttackOptions): Promise<SentAttack> {
  const { attack, scene, target, record, signal, onAttempt } = options;
  const attempts = attack.attempts(scene);
  const bystanders = record === undefined ? [] : (attack.bystanders?.(scene) ?? []);
  const every = Math.max(1, Math.ceil(attempts.length / Math.max(1, bystanders.length)));
  const sent: SentAttack["attempts"][number][] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const attempt = attempts[index];
      if (attempt === undefined) return;
      signal.throwIfAborted();
      const id = `${attack.name}-${index + 1}`;
      const outcome = await sendRaw(target, attempt.exchange, id);
      sent[index] = { id, attempt, outcome };
      const bystander = index % every === 0 ? bystanders[index / every] : undefined;
      if (bystander !== undefined) await record?.send(bystander.exchange, bystander.expected);
      onAttempt();
    }
  };
  await Promise.all(Array.from({ length: attack.inOrder === true ? 1 : attemptsAtOnce }, worker));
  return { attack, attempts: sent };
}

/** Counts an attack by what the application logged. */
export function judgeAttack(sent: SentAttack, log: ApplicationLog): AttackResult {
  const { attack } = sent;
  const statuses: Record<string, number> = {};
  const reasons: Record<string, number> = {};
  const leaks: { what: string; served: string }[] = [];
  let refused = 0;
  let harmless = 0;
  let reached = 0;
  for (const { id, attempt, outcome } of sent.attempts) {
    statuses[outcome.status] = (statuses[outcome.status] ?? 0) + 1;
    const entries = log.entriesOf(id);
    const harm = entries.find((entry) => attempt.harmless?.(entry) !== true);
    const within = harm === undefined && harmless < (attack.allowance ?? Number.POSITIVE_INFINITY);
    if (entries.length === 0) {
      refused++;
      const reason = decodeReason(outcome);
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    } else if (within) harmless++;
    else {
      reached++;
      if (leaks.length < leaksShownMax) leaks.push({ what: attempt.what, served: (harm ?? entries[0])?.served ?? "" });
    }
  }
  const { name, title, note } = attack;
  return { name, title, tried: sent.attempts.length, refused, harmless, reached, statuses, reasons, note, leaks };
}

/** The first refusal of an attack that names a decision. */
export function findRefusal(sent: SentAttack, log: ApplicationLog): Refusal | undefined {
  for (const { id, attempt, outcome } of sent.attempts) {
    const decision = log.entriesOf(id).length === 0 ? decodeDecision(outcome) : undefined;
    if (decision !== undefined) {
      const { method, path } = attempt.exchange;
      return {
        attack: sent.attack.name,
        what: attempt.what,
        request: `${method} ${path}`,
        status: outcome.status,
        decision,
      };
    }
  }
  return undefined;
}
