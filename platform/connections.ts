import type { Server as Listener, Socket } from "node:net";

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
