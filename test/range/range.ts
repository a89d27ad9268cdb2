import { readFile } from "node:fs/promises";
import { emulators } from "./emulators/emulator.ts";
import { startEmulator, type Application, type Received } from "./emulators/server.ts";
import type { Firing } from "./shooting.ts";
import { freePorts, startStack, type Stack } from "./stack.ts";
import { createMint, type Mint } from "./tokens.ts";
import type { Vector } from "./vectors/vector.ts";

/** An application and the port of the proxy in front of it. */
export interface Served {
  readonly name: string;
  readonly port: number;
  readonly application: Application;
}

/** Ten applications behind ten workloads of one `picket run`, and a few more behind a policy that guards no bodies. */
export interface Range {
  readonly mint: Mint;
  readonly guarded: readonly Served[];
  readonly unguarded: readonly Served[];
  readonly stack: Stack;
  /** All that any application has received so far. */
  received(): readonly Received[];
  stop(): Promise<void>;
}

/** Applications that find the end of a request in different ways. */
const framing = ["U0", "U5", "U6", "U7"];

export function policyFile(name: string): Promise<string> {
  return readFile(new URL(`policies/${name}`, import.meta.url), "utf8");
}

/** Starts everything and waits until it is ready. */
export async function startRange(): Promise<Range> {
  const mint = createMint(Math.floor(Date.now() / 1_000));
  const [orders, identity, workload] = await Promise.all(
    ["orders.yaml", "identity.yaml", "workload.yaml"].map(policyFile),
  );
  if (orders === undefined || identity === undefined || workload === undefined)
    throw new Error("a policy file is missing");
  const differing = emulators.filter(({ id }) => framing.includes(id));
  const applications = await Promise.all([...emulators, ...differing].map(startEmulator));
  const ports = await freePorts(applications.length);
  const served = applications.map((application, index): Served => {
    const isGuarded = index < emulators.length;
    const name = [...emulators, ...differing][index]?.id ?? "";
    return { name: isGuarded ? name : `${name} unguarded`, port: ports[index] ?? 0, application };
  });
  const files: Record<string, string> = {
    "identity.yaml": identityFile(identity, mint.jwks),
    "orders.yaml": orders,
    "unguarded.yaml": unguarded(orders),
  };
  for (const { name, port, application } of served) {
    const id = `orders-${name.toLowerCase().replace(" ", "-")}`;
    const app = name.endsWith("unguarded") ? "unguarded" : "orders";
    files[`${id}.yaml`] = workloadFile(workload, { id, app, listen: port, upstream: application.port });
  }
  const stack = await startStack(files);
  const stop = async (): Promise<void> => {
    try {
      await stack.stop();
    } finally {
      await Promise.all(applications.map((application) => application.stop()));
    }
  };
  try {
    await stack.waitUntilReady();
  } catch (error) {
    await stop();
    throw error;
  }
  stack.noteProcesses();
  return {
    mint,
    guarded: served.slice(0, emulators.length),
    unguarded: served.slice(emulators.length),
    stack,
    received: () => applications.flatMap(({ received }) => received),
    stop,
  };
}

/** The same rules without a look at bodies: what the proxy alone makes of framing. */
function unguarded(orders: string): string {
  return orders
    .replace("name: orders,", "name: unguarded,")
    .replace("app: orders", "app: unguarded")
    .replace(/^ {2}guards:.*\n/m, "");
}

/** An identity with this key set; single quotes, since JSON has none of its own. */
export function identityFile(template: string, jwks: string): string {
  return template.replace("__JWKS__", () => `'${jwks}'`);
}

export interface WorkloadPlace {
  readonly id: string;
  readonly app: string;
  readonly listen: number;
  readonly upstream: number;
}

export function workloadFile(template: string, { id, app, listen, upstream }: WorkloadPlace): string {
  return template
    .replaceAll("__NAME__", id)
    .replaceAll("__APP__", app)
    .replaceAll("__LISTEN__", String(listen))
    .replaceAll("__UPSTREAM__", String(upstream));
}

/** Every row of a vector against each application it is meant for. */
export function firingsOf(range: Pick<Range, "guarded" | "unguarded">, vector: Vector): Firing[] {
  const behind = {
    all: range.guarded,
    one: range.guarded.slice(0, 1),
    framing: range.unguarded,
  }[vector.applications];
  return vector.rows.flatMap((row) =>
    behind.map(({ name, port }): Firing => ({ vector, row, port, application: name })),
  );
}
