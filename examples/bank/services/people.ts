import { readFileSync } from "node:fs";

/** Somebody who can log in to the sample bank. All of them are made up; so are the passwords. */
export interface Person {
  readonly user: string;
  readonly password: string;
  /** Second factor, where the person has one. */
  readonly code?: string;
  readonly sub: string;
  /** Number of the person's account; empty for staff. */
  readonly account: string;
  readonly roles: readonly string[];
  readonly scope: string;
}

export function readPeople(): readonly Person[] {
  return JSON.parse(readFileSync(new URL("people.json", import.meta.url), "utf8")) as Person[];
}
