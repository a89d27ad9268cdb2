/** Who sends a request. `anon` also stands for every caller whose credential is hostile. */
export const actors = ["anon", "alice", "bob", "root"] as const;
export type Actor = (typeof actors)[number];

/** What an application of the range has been asked to do, after it has read the request in its own way. */
export type Operation =
  | { readonly kind: "public" | "login" | "transfer" | "item" | "admin" | "internal" | "undeclared" }
  | { readonly kind: "order"; readonly id: string };

/** The customer number that a token of the actor carries; owner of the order with that number. */
export const customers: Readonly<Record<Actor, string>> = { anon: "", alice: "1", bob: "2", root: "9" };

/**
 * The handler that an application without any access control runs. Paths are compared as text: whatever an application
 * undoes (escapes, dots, letter case) it has undone before.
 */
export function operationOf(method: string, path: string): Operation {
  const segments = path.split("/").slice(1);
  // A slash at the end is not another resource, here as in the policy.
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  const first = segments[0] ?? "";
  const reads = method === "GET" || method === "HEAD";
  if (first === "admin") return { kind: "admin" };
  if (first === "public" && segments[1] === "internal") return { kind: "internal" };
  if (first === "public" && reads) return { kind: "public" };
  if (first === "orders" && segments.length === 2 && reads) return { kind: "order", id: segments[1] ?? "" };
  if (first === "items" && segments.length === 2 && reads) return { kind: "item" };
  if (first === "login" && segments.length === 1 && method === "POST") return { kind: "login" };
  if (first === "transfer" && segments.length === 1 && method === "POST") return { kind: "transfer" };
  return { kind: "undeclared" };
}

/** What policies/orders.yaml means, in the fewest words: the oracle that no part of the product shares. */
export function mayReach(actor: Actor, operation: Operation): boolean {
  switch (operation.kind) {
    case "public":
    case "login":
      return true;
    case "transfer":
    case "item":
      return actor !== "anon";
    case "order":
      return actor !== "anon" && operation.id === customers[actor];
    case "admin":
      return actor === "root";
    case "internal":
    case "undeclared":
      return false;
  }
}
