import { randomInt } from "node:crypto";
import net from "node:net";

/** Below the range that the kernel hands out for port 0, so that no other test gets one of these by chance. */
const firstPort = 20_000;
const lastPort = 32_000;
const triesMax = 50;

/** A loopback port from `first` to below `last` on which nobody listens. */
export async function freePort(first = firstPort, last = lastPort): Promise<number> {
  for (let tried = 0; tried < triesMax; tried++) {
    const port = randomInt(first, last);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${triesMax} tried`);
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
