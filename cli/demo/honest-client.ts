import { Agent, request } from "node:http";
import { answerBytesMax, answerTimeoutMs, noAnswer, type Exchange, type Outcome, type Target } from "./exchange.ts";

/** Sends requests as well-behaved programs do: an HTTP library, connections kept open. */
export interface HonestClient {
  send(target: Target, exchange: Exchange, id: string): Promise<Outcome>;
  close(): void;
}

export function createHonestClient(): HonestClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, maxTotalSockets: 1_024 });
  return {
    send(target, exchange, id) {
      return new Promise((resolve) => {
        const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
        const call = request({
          agent,
          host: "127.0.0.1",
          port: target[exchange.service],
          localAddress: exchange.source,
          method: exchange.method,
          path: exchange.path,
          timeout: answerTimeoutMs,
          headers: {
            ...Object.fromEntries(exchange.headers ?? []),
            "x-demo-id": id,
            ...(body !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(body),
            }),
          },
        });
        call.on("timeout", () => call.destroy());
        call.on("error", () => resolve(noAnswer));
        call.on("response", (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (part: string) => {
            if (text.length < answerBytesMax) text += part;
          });
          response.on("error", () => resolve(noAnswer));
          response.on("end", () => {
            const headers = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
            resolve({ status: response.statusCode ?? 0, headers, text });
          });
        });
        call.end(body);
      });
    },
    close() {
      agent.destroy();
    },
  };
}
