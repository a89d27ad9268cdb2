import { readPeople } from "./people.ts";

export interface Movement {
  readonly number: number;
  readonly text: string;
  readonly cents: number;
}

export interface Account {
  readonly number: string;
  readonly owner: string;
  balanceCents: number;
  address: string;
  frozen: boolean;
  readonly movements: Movement[];
}

/** Movements kept per account; the oldest go first. */
const movementsMax = 100;

/** The books of one service, in memory and the same at every start. */
export interface Ledger {
  readonly accounts: ReadonlyMap<string, Account>;
  book(account: Account, text: string, cents: number): Movement;
}

export function createLedger(): Ledger {
  const accounts = new Map<string, Account>();
  for (const person of readPeople()) {
    if (person.account === "") continue;
    const seed = Number(person.account) % 97;
    accounts.set(person.account, {
      number: person.account,
      owner: person.user,
      balanceCents: 120_000 + seed * 1_337,
      address: `${seed + 1} Harbour Street`,
      frozen: false,
      movements: Array.from({ length: 12 }, (_, index) => ({
        number: index + 1,
        text: index % 4 === 0 ? "salary" : "card payment",
        cents: index % 4 === 0 ? 250_000 : -(900 + seed * (index + 3)),
      })),
    });
  }
  return {
    accounts,
    book(account, text, cents) {
      const movement = { number: (account.movements.at(-1)?.number ?? 0) + 1, text, cents };
      account.movements.push(movement);
      if (account.movements.length > movementsMax) account.movements.shift();
      account.balanceCents += cents;
      return movement;
    },
  };
}
