import type { ServiceName } from "./exchange.ts";
import type { People, Person } from "./people.ts";
import { between, createRandom, pick, type Random } from "./random.ts";

/** One thing that somebody does, and the answers that are right for it. */
export type Step = { readonly thinkSeconds: number; readonly expected: readonly number[] } & (
  | { readonly kind: "login"; readonly password: string; readonly code?: string | undefined }
  | {
      readonly kind: "call";
      readonly service: ServiceName;
      readonly method: string;
      readonly path: string;
      readonly body?: unknown;
    }
);

/** One visit: steps one after the other, each a while after the one before. */
export interface Visit {
  /** Undefined: the kubelet's probe, which has no name and no token. */
  readonly person?: Person | undefined;
  readonly startSeconds: number;
  readonly steps: readonly Step[];
}

/** Everything that happens in the given minutes of the bank's normal life; the same for the same seed. */
export function planHour(people: People, seed: number, minutes: number): readonly Visit[] {
  const random = createRandom(seed);
  const seconds = minutes * 60;
  // A visit takes up to five minutes; the last ones start early enough to end within the time.
  const lastStart = Math.max(1, seconds - 300);
  const visits: Visit[] = [];
  for (const person of people.customers) {
    const count = Math.max(1, Math.round((between(random, 2, 3) * minutes) / 60));
    for (let index = 0; index < count; index++) {
      visits.push({
        person,
        startSeconds: random() * lastStart,
        steps: planCustomer(random, person, people.customers),
      });
    }
  }
  const admin = people.named("sam");
  for (let index = 0; index < Math.max(1, minutes / 12); index++) {
    visits.push({
      person: admin,
      startSeconds: random() * lastStart,
      steps: planAdmin(random, admin, people.customers),
    });
  }
  for (let minute = 0; minute < minutes; minute++) {
    visits.push({ startSeconds: minute * 60, steps: probe() });
  }
  return visits.sort((a, b) => a.startSeconds - b.startSeconds);
}

function planCustomer(random: Random, person: Person, customers: readonly Person[]): Step[] {
  const own = `/v1/accounts/${person.account}`;
  const steps: Step[] = [];
  const think = (): number => between(random, 4, 20);
  const call = (service: ServiceName, method: string, path: string, expected: number, body?: unknown): void => {
    steps.push({ kind: "call", thinkSeconds: think(), service, method, path, body, expected: [expected] });
  };
  // One in twelve mistypes first: a refusal by the application itself is normal life.
  if (random() < 1 / 12) {
    steps.push({ kind: "login", thinkSeconds: 0, password: `${person.password}!`, expected: [401] });
  }
  steps.push({ kind: "login", thinkSeconds: think(), password: person.password, expected: [200] });
  call("accounts", "GET", own, 200);
  call("accounts", "GET", `${own}/balance`, 200);
  for (let more = between(random, 8, 18); more > 0; more--) {
    const roll = random();
    if (roll < 0.35) call("accounts", "GET", `${own}/balance`, 200);
    else if (roll < 0.65) call("accounts", "GET", `${own}/movements?page=${between(random, 1, 3)}`, 200);
    else if (roll < 0.75) call("accounts", "GET", `${own}/cards`, 200);
    else if (roll < 0.85) call("transfers", "GET", `${own}/transfers`, 200);
    else if (roll < 0.9) call("transfers", "GET", `${own}/transfers/${between(random, 1, 12)}`, 200);
    else if (roll < 0.97) {
      const to = pick(random, customers).account;
      call("transfers", "POST", `${own}/transfers`, 201, { to, cents: between(random, 100, 20_000) });
    } else {
      call("accounts", "PUT", `${own}/address`, 200, { address: `${between(random, 1, 99)} Mill Lane` });
    }
  }
  return steps;
}

function planAdmin(random: Random, person: Person, customers: readonly Person[]): Step[] {
  const steps: Step[] = [
    { kind: "login", thinkSeconds: 0, password: person.password, code: person.code, expected: [200] },
  ];
  const call = (method: string, path: string): void => {
    steps.push({ kind: "call", thinkSeconds: between(random, 3, 15), service: "admin", method, path, expected: [200] });
  };
  call("GET", "/admin/customers");
  for (let more = between(random, 3, 8); more > 0; more--) {
    const { account } = pick(random, customers);
    call("GET", `/admin/customers/${account}`);
    if (random() < 0.3) {
      call("POST", `/admin/accounts/${account}/freeze`);
      call("POST", `/admin/accounts/${account}/release`);
    }
  }
  call("GET", "/admin/audit");
  return steps;
}

function probe(): Step[] {
  const services: readonly ServiceName[] = ["login", "accounts", "transfers", "admin"];
  return services.map((service) => ({
    kind: "call",
    thinkSeconds: 0,
    service,
    method: "GET",
    path: "/healthz",
    expected: [200],
  }));
}
