import type { Server as Listener, Socket } from "node:net";
import type { Clock } from "./clock.ts";
import { KeyedRate, type Rate } from "./keyed-rate.ts";

/** Closes connections of an address that holds enough of them, before anything is read. */
export function limitPerAddress(listener: Listener, max: number): void {
  const counts = new Map<string, number>();
  listener.prependListener("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = counts.get(address) ?? 0;
    if (count >= max) {
      socket.destroy();
      return;
    }
    counts.set(address, count + 1);
    socket.once("close", () => {
      const left = (counts.get(address) ?? 1) - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    });
  });
}

/** How many connections may be opened. */
export interface Openings {
  readonly all: Rate;
  readonly perAddress: Rate;
  readonly clock: Pick<Clock, "monotonic">;
  readonly onRefused: () => void;
}

/** Addresses whose openings are remembered. */
const addressesMax = 10_000;

/**
 * Closes connections that come too fast, before their handshake. A handshake costs milliseconds, and one that takes
 * longer than its client waits is for nothing: without a bound, a thousand clients that come back together keep a busy
 * server at handshakes that nobody waits for any more, for ever. Whoever is closed comes back with its back-off.
 */
export function limitOpenings(listener: Listener, { all, perAddress, clock, onRefused }: Openings): void {
  const byAddress = new KeyedRate(perAddress, { keysMax: addressesMax, clock });
  const together = new KeyedRate(all, { keysMax: 1, clock });
  listener.prependListener("connection", (socket: Socket) => {
    // The address first: what one sends too much of takes nothing from the others.
    if (byAddress.take(socket.remoteAddress ?? "") && together.take("")) return;
    onRefused();
    socket.destroy();
  });
}
