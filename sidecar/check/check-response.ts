import type { Denial } from "../../core/policy/policy.ts";
import { factsOf, type RefusalStatus } from "../../core/verdict/reason.ts";
import type { Verdict } from "../../core/verdict/verdict.ts";

/**
 * Answers to Envoy (envoy/service/auth/v3 CheckResponse), written by hand. An empty CheckResponse is an allow in Envoy
 * (seen on 1.40), so `status` always comes first and always has bytes, an allow says so in a message of its own, and
 * a refusal without a code of the closed list cannot be written.
 */

/** Statuses of google.rpc that Envoy reads: only 0 lets a request through. */
const rpc = { ok: 0, permissionDenied: 7, unauthenticated: 16, unavailable: 14, resourceExhausted: 8 } as const;

/** Characters of a decision id; fixed, so that ready-made answers only need the id written in. */
export const decisionIdLength = 16;

const idPlace = "0".repeat(decisionIdLength);

/** Thrown when somebody asks for an answer that Envoy could take for an allow. A bug; the handler answers 503. */
export class EncodeError extends Error {
  readonly code = "answer-not-encodable";
}

const titles: Readonly<Record<RefusalStatus, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

/** A ready answer and where the decision id stands in it. */
interface Template {
  readonly bytes: Buffer;
  readonly places: readonly number[];
}

/** Ready-made answers kept; every combination of reason, denial and challenge level fits. Beyond it they are remade. */
export const templatesMax = 512;

/** Makes answers. `allowed` is for every request that goes on, whatever the verdict said (Shadow). */
export class AnswerEncoder {
  readonly #templates = new Map<string, Template>();
  readonly #allowed = findPlaces(encodeAllowed());

  /** Ready-made refusals held now. */
  get templateCount(): number {
    return this.#templates.size;
  }

  /** Lets the request go on, with the decision id for the application. */
  allowed(id: string): Buffer {
    return fill(this.#allowed, id);
  }

  /** Refuses. Throws EncodeError for an allow. `canary` is the revision that the canary asks about, else empty. */
  refused(verdict: Verdict, denial: Denial, id: string, canary: string): Buffer {
    const { kind, reason } = verdict;
    const varying = kind === "throttle" ? verdict.retryAfterSeconds : kind === "challenge" ? verdict.level : 0;
    const key = `${reason} ${varying} ${denial.body} ${denial.showReason} ${canary}`;
    let template = this.#templates.get(key);
    if (template === undefined) {
      template = findPlaces(encodeRefused(verdict, denial, canary));
      if (this.#templates.size >= templatesMax) this.#templates.clear();
      this.#templates.set(key, template);
    }
    return fill(template, id);
  }
}

function fill({ bytes, places }: Template, id: string): Buffer {
  if (id.length !== decisionIdLength) throw new EncodeError("a decision id has the wrong length");
  const answer = Buffer.allocUnsafe(bytes.length);
  bytes.copy(answer);
  for (const place of places) answer.write(id, place, "latin1");
  return answer;
}

function findPlaces(bytes: Buffer): Template {
  const places: number[] = [];
  for (let at = bytes.indexOf(idPlace); at >= 0; at = bytes.indexOf(idPlace, at + 1)) places.push(at);
  if (places.length === 0) throw new EncodeError("an answer has no place for the decision id");
  return { bytes, places };
}

function encodeAllowed(): Buffer {
  const ok = message(2, headerOption("x-picket-decision", idPlace));
  return Buffer.concat([rpcStatus(rpc.ok, "allowed"), message(3, ok), metadata()]);
}

function encodeRefused(verdict: Verdict, denial: Denial, canary: string): Buffer {
  const { status } = factsOf(verdict.reason);
  if (verdict.kind === "allow" || status === undefined || titles[status] === undefined) {
    throw new EncodeError("only a refusal with a status of the closed list can be refused");
  }
  const headers = [headerOption("x-picket-decision", idPlace), headerOption("cache-control", "no-store")];
  if (canary !== "") headers.push(headerOption("x-picket-canary", canary));
  if (verdict.kind === "throttle") headers.push(headerOption("retry-after", String(verdict.retryAfterSeconds)));
  if (status === 401) headers.push(headerOption("www-authenticate", authenticate(verdict)));
  const body = denial.body === "problem" ? problem(verdict, status, denial) : "";
  if (body !== "") headers.push(headerOption("content-type", "application/problem+json"));
  const httpStatus = message(1, varint(1, status));
  const response = Buffer.concat([httpStatus, ...headers.map((header) => message(2, header)), text(3, body)]);
  // Field 5, `error_response`, counts as "cannot decide": a fail-open route passes, a closed one sends our 503.
  const field = verdict.kind === "error" ? 5 : 2;
  return Buffer.concat([rpcStatus(codeOf(verdict, status), verdict.reason), message(field, response), metadata()]);
}

function codeOf(verdict: Verdict, status: RefusalStatus): number {
  if (verdict.kind === "error") return rpc.unavailable;
  if (status === 429) return rpc.resourceExhausted;
  return status === 401 ? rpc.unauthenticated : rpc.permissionDenied;
}

/** RFC 6750 section 3 and RFC 9470 section 3. */
function authenticate(verdict: Verdict): string {
  if (verdict.kind === "challenge") {
    return `Bearer error="insufficient_user_authentication", acr_values="${verdict.level}"`;
  }
  return verdict.reason === "credential-missing" ? "Bearer" : 'Bearer error="invalid_token"';
}

/** RFC 9457 problem details. */
function problem(verdict: Verdict, status: RefusalStatus, denial: Denial): string {
  const shown = denial.showReason ? { reason: verdict.reason, detail: factsOf(verdict.reason).text } : {};
  return JSON.stringify({ type: "about:blank", title: titles[status], status, decision: idPlace, ...shown });
}

/** Dynamic metadata {"decision": id}: joins the access log to the decision. */
function metadata(): Buffer {
  const value = message(2, text(3, idPlace));
  return message(4, message(1, Buffer.concat([text(1, "decision"), value])));
}

/** HeaderValueOption that replaces what is there (append_action OVERWRITE_IF_EXISTS_OR_ADD). */
function headerOption(key: string, value: string): Buffer {
  return Buffer.concat([message(1, Buffer.concat([text(1, key), text(2, value)])), varint(3, 2)]);
}

function rpcStatus(code: number, words: string): Buffer {
  // The message is never empty: the field has bytes even where the code is 0, which proto3 does not write.
  return message(1, Buffer.concat([code === 0 ? Buffer.alloc(0) : varint(1, code), text(2, words)]));
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(number((field << 3) | 2)), Buffer.from(number(content.length)), content]);
}

function text(field: number, value: string): Buffer {
  return value === "" ? Buffer.alloc(0) : message(field, Buffer.from(value, "utf8"));
}

function varint(field: number, value: number): Buffer {
  return Buffer.from([...number(field << 3), ...number(value)]);
}

function number(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
