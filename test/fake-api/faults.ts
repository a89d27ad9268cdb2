import type { ServerResponse } from "node:http";
import { statusAnswer } from "./status.ts";

/** A request as the fake API server sees it. */
export interface SeenRequest {
  /** The HTTP method, or WATCH. */
  readonly verb: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** When, by the clock of the process. */
  readonly atMs: number;
}

type Answered = "answered" | "pass";

/** Answers in place of the server, or resets the connection. `pass`: the server shall answer after all. */
export type Fault = (response: ServerResponse, cutOff: () => void) => Promise<Answered> | Answered;

/** A Status, as the server refuses. */
export function refuse(status: number, reason = "", retryAfterSeconds?: number): Fault {
  return (response) => {
    const { body } = statusAnswer(status, reason, "a fault of the test");
    const retryAfter = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    response.writeHead(status, { "content-type": "application/json", ...retryAfter }).end(JSON.stringify(body));
    return "answered";
  };
}

/** The connection is reset before an answer. */
export const reset: Fault = (_response, cutOff) => {
  cutOff();
  return "answered";
};

/** No answer, for ever. */
export const hang: Fault = () => "answered";

/** The answer comes late. */
export function slow(ms: number): Fault {
  return (response) =>
    new Promise<Answered>((resolve) => {
      const timer = setTimeout(() => resolve("pass"), ms);
      response.on("close", () => clearTimeout(timer));
    });
}

/** 200 with these bytes, and the end. Empty: what a dying server or a proxy says. */
export function say(bytes: string | Buffer): Fault {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(bytes);
    return "answered";
  };
}

/** 200 with these bytes, and then neither a byte nor an end: an open, dead connection. */
export function stall(bytes: string | Buffer = ""): Fault {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (bytes.length > 0) response.write(bytes);
    return "answered";
  };
}

/** 200 with these bytes in pieces, each sent on its own. */
export function drip(bytes: Buffer, pieceBytes: number, pauseMs = 0): Fault {
  return async (response): Promise<Answered> => {
    response.writeHead(200, { "content-type": "application/json" });
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      response.write(bytes.subarray(at, at + pieceBytes));
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    }
    response.end();
    return "answered";
  };
}

/** The answer is cut in the middle by a reset. */
export function cut(bytes: string): Fault {
  return (response, cutOff) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": bytes.length + 100 });
    response.write(bytes, () => cutOff());
    return "answered";
  };
}
