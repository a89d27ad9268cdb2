import type { Attack, Attempt } from "../attack.ts";
import { bearer } from "../exchange.ts";

/** The back office, called by people who may log in but have no business there. */
export const adminWithoutRole: Attack = {
  name: "admin-without-role",
  title: "admin without the role",
  attempts({ people, attacker, victim, attackerToken, tellerToken, weakAdminToken }) {
    const callers = [
      { who: "a customer", headers: [bearer(attackerToken)] },
      { who: "staff without the role", headers: [bearer(tellerToken)] },
      { who: "an admin without second factor", headers: [bearer(weakAdminToken)] },
      { who: "nobody", headers: [] },
    ];
    const operations = [
      ["GET", "/admin/customers"],
      ["GET", `/admin/customers/${victim.account}`],
      ["DELETE", `/admin/customers/${victim.account}`],
      ["POST", `/admin/accounts/${victim.account}/freeze`],
      ["POST", `/admin/accounts/${attacker.account}/release`],
      ["GET", "/admin/audit"],
    ] as const;
    const source = people.addressOf(attacker);
    return callers.flatMap(({ who, headers }) =>
      operations.map(([method, path]): Attempt => ({
        what: `${who}: ${method} ${path}`,
        exchange: { service: "admin", method, path, headers, source },
      })),
    );
  },
};
