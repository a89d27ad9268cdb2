import type { Attack, Attempt } from "../attack.ts";
import { loginExchange } from "../normal-life.ts";

/** What `login-per-source` in `examples/bank/policies/login.yaml` lets through in a minute. */
const triesPerMinute = 10;
const triesMax = 120;

const beginnings = [
  "password",
  "welcome",
  "summer",
  "winter",
  "sunshine",
  "dragon",
  "monkey",
  "football",
  "qwerty",
  "secret",
];
const endings = ["", "1", "12", "123", "!", "2024", "2025", "2026", "00", "99", "007", "x"];

/** The usual passwords, most usual first. The victim's is among them, beyond the tenth. */
function passwords(): readonly string[] {
  return endings.flatMap((ending) => beginnings.map((beginning) => beginning + ending)).slice(0, triesMax);
}

/** A list of usual passwords tried on one customer, from several hosts of one network, pretending to be many. */
export const passwordList: Attack = {
  name: "password-list",
  title: "a password list at login",
  note: `harmless: wrong guesses within the limit of ${triesPerMinute} a minute; reached: more, or a login`,
  allowance: triesPerMinute,
  inOrder: true,
  attempts: ({ victim }) =>
    passwords().map((password, index): Attempt => ({
      what: `guess ${index + 1}`,
      exchange: {
        service: "login",
        method: "POST",
        path: "/login",
        headers: [["x-forwarded-for", `198.51.100.${(index % 250) + 1}`]],
        body: { user: victim.user, password },
        source: `127.66.6.${(index % 20) + 1}`,
      },
      harmless: (entry) => entry.status === 401,
    })),
  bystanders: ({ people }) =>
    people.customers.slice(0, 12).map((person) => ({
      exchange: loginExchange(person, people.addressOf(person), false),
      expected: [200],
    })),
};
