import type { Attack, Attempt } from "../attack.ts";
import { bearer } from "../exchange.ts";

type Header = readonly [name: string, value: string];

/** Headers that claim what only a proxy may say: who calls, from where, what was decided, what is really asked. */
export const spoofedHeaders: Attack = {
  name: "spoofed-headers",
  title: "spoofed headers",
  note: "harmless: the attacker's own account, with the false header taken off on the way",
  attempts({ people, attacker, attackerToken, victim, nowSeconds }) {
    const source = people.addressOf(attacker);
    const token = bearer(attackerToken);
    const own = `/v1/accounts/${attacker.account}`;
    const other = `/v1/accounts/${victim.account}`;
    const claims = encode({
      sub: victim.sub,
      account: victim.account,
      roles: ["admin"],
      acr: "2",
      exp: nowSeconds + 900,
    });
    const unsigned = `${encode({ alg: "none" })}.${claims}.`;

    const persuading: readonly Header[] = [
      ["x-picket-principal", victim.sub],
      ["x-picket-decision", "01-allowed"],
      ["x-picket-verdict", "allow"],
      ["x-picket-claim-account", victim.account],
      ["x-picket-claim-roles", "admin"],
      ["x_picket_principal", victim.sub],
      ["x.picket.principal", victim.sub],
      ["x-jwt-payload", claims],
      ["x-forwarded-user", victim.user],
      ["x-forwarded-for", "10.0.0.7"],
      ["x-real-ip", "127.0.0.1"],
      ["forwarded", "for=10.0.0.7;by=10.0.0.1"],
      ["x-forwarded-host", "admin.internal"],
      [
        "x-forwarded-client-cert",
        "By=spiffe://cluster.local/ns/bank/sa/admin;URI=spiffe://cluster.local/ns/bank/sa/admin",
      ],
      ["x-envoy-internal", "true"],
      ["x-envoy-external-address", "10.0.0.7"],
      ["x-envoy-original-path", own],
      ["x-original-url", own],
      ["x-rewrite-url", own],
      ["x-http-method-override", "OPTIONS"],
      ["authorization", `Bearer ${unsigned}`],
    ];
    // Aimed at what the caller may not have: nothing of this may arrive.
    const forbidden = persuading.flatMap((header): Attempt[] => [
      {
        what: `somebody's balance with ${header[0]}`,
        exchange: { service: "accounts", method: "GET", path: `${other}/balance`, headers: [token, header], source },
      },
      {
        what: `back office with ${header[0]}`,
        exchange: { service: "admin", method: "GET", path: "/admin/customers", headers: [token, header], source },
      },
      {
        what: `back office without a token, with ${header[0]}`,
        exchange: { service: "admin", method: "GET", path: "/admin/audit", headers: [header], source },
      },
    ]);
    // Aimed at what the caller may have, to be taken for something else: may arrive, but only as what it is.
    const turning: readonly Header[] = [
      ["x-original-url", `${other}/balance`],
      ["x-rewrite-url", `${other}/balance`],
      ["x-original-url", "/debug/env"],
      ["x-http-method-override", "DELETE"],
      ["x-method-override", "DELETE"],
      ["x-picket-principal", victim.sub],
      ["X-Picket-Principal", "s-1"],
    ];
    const disguised = turning.map((header): Attempt => ({
      what: `own account with ${header[0]}: ${header[1]}`,
      exchange: { service: "accounts", method: "GET", path: own, headers: [token, header], source },
      harmless: (entry) => entry.served === `GET ${own}` && entry.user === attacker.sub,
    }));
    return [...forbidden, ...disguised];
  },
};

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
