import { notFound, ok, type Handler } from "./application.ts";
import type { Ledger } from "./ledger.ts";

/** Reads and changes any account that is named in the path. Whose it is, it does not ask: the sidecar does. */
export function createAccounts(ledger: Ledger): Handler {
  return ({ method, segments: [root, kind, id, part], body }) => {
    if (root === "healthz") return ok({ up: true });
    if (root === "debug") return ok({ environment: { DATABASE_PASSWORD: "made-up" } });
    const account = root === "v1" && kind === "accounts" ? ledger.accounts.get(id ?? "") : undefined;
    if (account === undefined) return notFound;
    switch (`${method} ${part ?? ""}`) {
      case "GET ":
      case "HEAD ":
        return ok({ number: account.number, owner: account.owner, address: account.address });
      case "DELETE ":
        account.frozen = true;
        return ok({ closed: account.number });
      case "GET balance":
        return ok({ number: account.number, cents: account.balanceCents, currency: "EUR" });
      case "GET movements":
        return ok({ number: account.number, movements: account.movements.slice(-10) });
      case "GET cards":
        return ok({ number: account.number, cards: [{ last4: account.number.slice(-4), blocked: account.frozen }] });
      case "PUT address":
        account.address = addressIn(body);
        return ok({ number: account.number, address: account.address });
      default:
        return notFound;
    }
  };
}

function addressIn(body: unknown): string {
  const address = (body as { readonly address?: unknown } | undefined)?.address;
  return typeof address === "string" ? address : "";
}
