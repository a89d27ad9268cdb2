import type { JsonObject } from "./json.ts";

/** What the API server answers to one request. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal, as a Status object. */
export class Refusal extends Error {
  readonly answer: ApiAnswer;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.answer = statusAnswer(status, reason, message);
  }
}

export function statusAnswer(status: number, reason: string, message: string): ApiAnswer {
  return {
    status,
    body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code: status },
  };
}
