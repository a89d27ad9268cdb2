import { notFound, ok, type Handler } from "./application.ts";
import type { Ledger } from "./ledger.ts";

/** The back office. It checks no role: who gets here is believed to be staff. */
export function createAdmin(ledger: Ledger): Handler {
  const audit: string[] = [];
  return ({ method, segments: [root, kind, id, action], user }) => {
    if (root === "healthz") return ok({ up: true });
    if (root === "debug" || kind === "debug") return ok({ environment: { ADMIN_TOKEN: "made-up" } });
    if (root !== "admin") return notFound;
    if (method === "GET" && kind === "audit") return ok({ audit: audit.slice(-20) });
    if (method === "GET" && kind === "customers" && id === undefined) {
      return ok({ customers: [...ledger.accounts.values()].map(({ number, owner }) => ({ number, owner })) });
    }
    const account = ledger.accounts.get(id ?? "");
    if (account === undefined) return notFound;
    if (method === "GET" && kind === "customers") return ok(account);
    if (method === "DELETE" && kind === "customers") return ok({ deleted: account.number });
    if (method === "POST" && kind === "accounts" && (action === "freeze" || action === "release")) {
      account.frozen = action === "freeze";
      audit.push(`${user} ${action} ${account.number}`);
      if (audit.length > 1_000) audit.shift();
      return ok({ number: account.number, frozen: account.frozen });
    }
    return notFound;
  };
}
