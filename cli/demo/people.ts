import { readFileSync } from "node:fs";
import { bankFolder } from "./stage.ts";

/** Somebody of the sample bank, from `examples/bank/services/people.json`. */
export interface Person {
  readonly user: string;
  readonly password: string;
  readonly code?: string;
  readonly sub: string;
  /** Empty for staff. */
  readonly account: string;
  readonly roles: readonly string[];
  readonly scope: string;
}

export interface People {
  readonly customers: readonly Person[];
  readonly named: (user: string) => Person;
  /** The address that somebody always calls from: each has a network (/24) of their own. */
  readonly addressOf: (person: Person) => string;
}

export function readPeople(): People {
  const all = JSON.parse(readFileSync(new URL("services/people.json", bankFolder), "utf8")) as Person[];
  const addresses = new Map(all.map((person, index) => [person.user, `127.10.${index + 1}.1`]));
  return {
    customers: all.filter((person) => person.account !== ""),
    named(user) {
      const person = all.find((candidate) => candidate.user === user);
      if (person === undefined) throw new Error(`the sample bank knows no "${user}"`);
      return person;
    },
    addressOf: (person) => addresses.get(person.user) ?? "127.0.0.1",
  };
}
