import type { Attack, Attempt } from "../attack.ts";
import { bearer } from "../exchange.ts";
import { forgeTokens } from "../tokens.ts";

/** Tokens that say the right thing and were never given: each way to forge one, as a victim and as an admin. */
export const forgedTokens: Attack = {
  name: "forged-tokens",
  title: "forged and expired tokens",
  attempts({ people, key, attacker, attackerToken, victim, nowSeconds }) {
    const common = {
      iss: "https://id.bank.example",
      aud: "bank-api",
      sid: "made-up",
      acr: "2",
      iat: nowSeconds,
      exp: nowSeconds + 900,
    };
    const admin = people.named("sam");
    const asVictim = { ...common, sub: victim.sub, account: victim.account, roles: victim.roles, scope: victim.scope };
    const asAdmin = { ...common, sub: admin.sub, account: "", roles: admin.roles, scope: admin.scope };
    const source = people.addressOf(attacker);
    const aim = (
      service: "accounts" | "admin",
      path: string,
      claims: Readonly<Record<string, unknown>>,
      whom: string,
    ): Attempt[] =>
      forgeTokens(key, claims, attackerToken, nowSeconds).map(({ what, token }) => ({
        what: `${what}, as ${whom}`,
        exchange: { service, method: "GET", path, headers: [bearer(token)], source },
      }));
    return [
      ...aim("accounts", `/v1/accounts/${victim.account}/balance`, asVictim, victim.user),
      ...aim("admin", "/admin/customers", asAdmin, admin.user),
    ];
  },
};
