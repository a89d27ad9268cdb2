import { request } from "node:http";
import { readCanaryAnswer } from "./answer.ts";
import type { Probe } from "./canaries.ts";

/** Milliseconds that one question may take. */
export const probeTimeoutMs = 2_000;

/** Asks over a connection of its own, so that no old connection of the proxy answers for the new configuration. */
export const httpProbe: Probe = (target) =>
  new Promise((resolve) => {
    const question = request({
      host: reachable(target.host),
      port: target.port,
      path: target.path,
      method: "GET",
      agent: false,
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    question.on("response", (answer) => {
      resolve(readCanaryAnswer(answer.statusCode ?? 0, answer.headers, target.revision));
      // The head says it all; a body could be endless.
      answer.destroy();
    });
    question.on("error", () => resolve(undefined));
    question.on("close", () => resolve(undefined));
    question.end();
  });

/** A listener on every address is asked on this machine's own. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
