import { setTimeout as sleep } from "node:timers/promises";
import type { ApplicationLog } from "./application-log.ts";
import { bearer, type Exchange, type Outcome, type Target } from "./exchange.ts";
import type { HonestClient } from "./honest-client.ts";
import type { Step, Visit } from "./hour.ts";
import type { People, Person } from "./people.ts";

/** An honest request that did not get the answer it should have. */
export interface Grievance {
  readonly id: string;
  readonly request: string;
  readonly status: number;
  readonly answer: string;
}

/** The honest requests of the whole demo, and which of them were refused. */
export interface HonestRecord {
  send(exchange: Exchange, expected: readonly number[]): Promise<Outcome>;
  readonly sent: number;
  /**
   * Those that the application never logged, or whose caller got another answer than the right one. Read after the
   * application's log was refreshed.
   */
  refused(log: ApplicationLog): readonly Grievance[];
}

export function createHonestRecord(client: HonestClient, target: Target): HonestRecord {
  const ids: {
    readonly id: string;
    readonly request: string;
    readonly status: number;
    readonly answer: string;
    readonly right: boolean;
  }[] = [];
  let sent = 0;
  return {
    async send(exchange, expected) {
      const id = `honest-${++sent}`;
      const outcome = await client.send(target, exchange, id);
      const right = expected.includes(outcome.status);
      const request = `${exchange.method} ${exchange.path}`;
      ids.push({ id, request, status: outcome.status, answer: right ? "" : outcome.text.slice(0, 200), right });
      return outcome;
    },
    get sent() {
      return sent;
    },
    refused: (log) =>
      ids
        .filter(({ id, right }) => !right || log.entriesOf(id).length === 0)
        .map(({ id, request, status, answer }) => ({ id, request, status, answer })),
  };
}

export interface Life {
  /** The last token of each person who logged in. */
  readonly tokens: ReadonlyMap<string, string>;
}

export interface PlayOptions {
  readonly visits: readonly Visit[];
  /** How many seconds of the bank pass in one second of ours. */
  readonly speed: number;
  readonly record: HonestRecord;
  readonly people: People;
  readonly signal: AbortSignal;
  readonly onStep: () => void;
}

/** Plays the visits at their times. Within one visit each step waits for the answer to the one before. */
export async function playLife(options: PlayOptions): Promise<Life> {
  const { visits, speed, record, people, signal, onStep } = options;
  const tokens = new Map<string, string>();
  const start = performance.now();
  await Promise.all(visits.map((visit) => play(visit)));
  return { tokens };

  async function play(visit: Visit): Promise<void> {
    let due = visit.startSeconds;
    let token: string | undefined;
    const source = visit.person === undefined ? "127.0.0.1" : people.addressOf(visit.person);
    for (const step of visit.steps) {
      due += step.thinkSeconds;
      const wait = start + (due * 1_000) / speed - performance.now();
      if (wait > 1) await sleep(wait, undefined, { signal });
      signal.throwIfAborted();
      const outcome = await record.send(toExchange(step, visit.person, source, token), step.expected);
      if (step.kind === "login" && outcome.status === 200 && visit.person !== undefined) {
        token = readToken(outcome);
        tokens.set(visit.person.user, token);
      }
      onStep();
    }
  }
}

/** Logs in as the person does and returns the token; throws when the bank itself says no. */
export async function logIn(
  record: HonestRecord,
  people: People,
  person: Person,
  secondFactor: boolean,
): Promise<string> {
  const outcome = await record.send(loginExchange(person, people.addressOf(person), secondFactor), [200]);
  if (outcome.status !== 200) throw new Error(`${person.user} could not log in: status ${outcome.status}`);
  return readToken(outcome);
}

export function loginExchange(person: Person, source: string, secondFactor: boolean): Exchange {
  const code = secondFactor ? person.code : undefined;
  return login(person.user, person.password, code, source);
}

function toExchange(step: Step, person: Person | undefined, source: string, token: string | undefined): Exchange {
  if (step.kind === "login") return login(person?.user ?? "", step.password, step.code, source);
  const { service, method, path, body } = step;
  return { service, method, path, body, source, headers: token === undefined ? [] : [bearer(token)] };
}

function login(user: string, password: string, code: string | undefined, source: string): Exchange {
  return { service: "login", method: "POST", path: "/login", body: { user, password, code }, source };
}

function readToken(outcome: Outcome): string {
  const { token } = JSON.parse(outcome.text) as { readonly token?: unknown };
  if (typeof token !== "string") throw new Error("the login service answered without a token");
  return token;
}
