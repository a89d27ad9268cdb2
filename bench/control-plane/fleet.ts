import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { ClientCount, ClientOrder, FleetReport, Order, Target } from "./messages.ts";

/** Processes that clients are shared out over. */
const processes = 2;

/** Time for a process to answer; it may be busy with a thousand handshakes. */
const answerMs = 60_000;

/** Light clients in processes of their own. Proxies are in the order in which they were given, scorers after them. */
export class Fleet {
  readonly #members: { readonly child: ChildProcess; readonly places: readonly number[] }[] = [];
  readonly #proxies: number;

  constructor(options: {
    readonly target: Target;
    readonly proxies: readonly ClientOrder[];
    readonly scorers: readonly ClientOrder[];
    readonly canaryPort: number;
  }) {
    const { target, proxies, scorers, canaryPort } = options;
    this.#proxies = proxies.length;
    const all = [...proxies, ...scorers];
    for (let n = 0; n < processes; n++) {
      const child = fork(join(import.meta.dirname, "fleet-process.ts"), { stdio: "inherit" });
      const places = all.map((_, index) => index).filter((index) => index % processes === n);
      this.#members.push({ child, places });
      const clients = places.map((index) => all[index]!);
      tell(child, { do: "connect", target, clients, ...(n === 0 && { canaryPort }) });
    }
  }

  reset(): void {
    for (const { child } of this.#members) tell(child, { do: "reset" });
  }

  async proxies(): Promise<readonly ClientCount[]> {
    return (await this.#report()).slice(0, this.#proxies);
  }

  async scorers(): Promise<readonly ClientCount[]> {
    return (await this.#report()).slice(this.#proxies);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ child }) => {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        if (child.connected) tell(child, { do: "stop" });
        await gone;
      }),
    );
  }

  async #report(): Promise<readonly ClientCount[]> {
    const counts: ClientCount[] = [];
    await Promise.all(
      this.#members.map(async ({ child, places }) => {
        const { clients } = await ask(child);
        for (const [n, count] of clients.entries()) counts[places[n]!] = count;
      }),
    );
    return counts;
  }
}

function tell(child: ChildProcess, order: Order): void {
  child.send(order);
}

function ask(child: ChildProcess): Promise<FleetReport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("a fleet does not answer")), answerMs);
    child.once("message", (report: FleetReport) => {
      clearTimeout(timer);
      resolve(report);
    });
    tell(child, { do: "report" });
  });
}
