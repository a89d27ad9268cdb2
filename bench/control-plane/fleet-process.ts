/** A process with many light clients, told by its parent what to do. */
import { createServer, type Server } from "node:http";
import { LightClient } from "./light-client.ts";
import type { ClientOrder, FleetReport, Order, Target } from "./messages.ts";

/** New connections in a second: the first start is not what is measured. */
const opensPerSecond = 200;

const clients: LightClient[] = [];
let canaries: Server | undefined;

process.on("message", (order: Order) => {
  switch (order.do) {
    case "connect":
      if (order.canaryPort !== undefined) canaries = answerCanaries(order.canaryPort);
      open(order.clients, order.target);
      break;
    case "reset":
      for (const client of clients) client.reset();
      break;
    case "report":
      process.send?.({ clients: clients.map((client) => client.count()) } satisfies FleetReport);
      break;
    case "stop":
      for (const client of clients) client.stop();
      canaries?.closeAllConnections();
      canaries?.close();
      process.disconnect();
      break;
  }
});
process.on("disconnect", () => process.exit());

function open(orders: readonly ClientOrder[], target: Target): void {
  for (const [index, order] of orders.entries()) {
    const client = new LightClient(order, target);
    clients.push(client);
    setTimeout(() => client.connect(), (index / opensPerSecond) * 1_000);
  }
}

/** Refuses every canary as proxies and scorers would: the revision is the end of its path. */
function answerCanaries(port: number): Server {
  const server = createServer((request, response) => {
    const revision = (request.url ?? "").split("/").at(-1) ?? "";
    response.writeHead(403, { "x-picket-canary": revision, "content-length": 0 }).end();
  });
  server.listen(port, "0.0.0.0");
  return server;
}
