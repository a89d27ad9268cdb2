import type { Attack, Attempt } from "../attack.ts";
import { bearer } from "../exchange.ts";

/** A genuine customer walks through everybody else's accounts: the object-level authorisation attack. */
export const otherAccounts: Attack = {
  name: "other-accounts",
  title: "other people's accounts",
  attempts({ people, attacker, attackerToken }) {
    const headers = [bearer(attackerToken)];
    const source = people.addressOf(attacker);
    return people.customers
      .filter((person) => person.account !== attacker.account)
      .flatMap((person, index): Attempt[] => {
        const own = `/v1/accounts/${person.account}`;
        const read = { service: "accounts", method: "GET", source, headers } as const;
        const attempts: Attempt[] = [{ what: "read a balance", exchange: { ...read, path: `${own}/balance` } }];
        if (index % 3 === 0) attempts.push({ what: "read movements", exchange: { ...read, path: `${own}/movements` } });
        if (index % 3 === 1) {
          attempts.push({
            what: "send money away",
            exchange: {
              service: "transfers",
              method: "POST",
              path: `${own}/transfers`,
              headers,
              body: { to: attacker.account, cents: 50_000 },
              source,
            },
          });
        }
        if (index % 6 === 2) {
          const body = { address: "1 Thief Lane" };
          attempts.push({
            what: "change an address",
            exchange: { service: "accounts", method: "PUT", path: `${own}/address`, headers, body, source },
          });
        }
        return attempts;
      });
  },
};
