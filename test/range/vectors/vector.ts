import { caseHeader } from "../emulators/server.ts";
import type { Actor } from "../operations.ts";
import { requestFrames, type Field } from "../send/http2.ts";
import type { Http1Wait } from "../send/http1.ts";
import type { Mint } from "../tokens.ts";

/** What a row may use when it makes its bytes. */
export interface Shot {
  /** Value of the case header: says whose request this is when an application has received it. */
  readonly caseId: string;
  readonly mint: Mint;
  readonly nowSeconds: number;
}

export type Send =
  | { readonly kind: "http1"; readonly bytes: (shot: Shot) => Buffer; readonly wait?: Http1Wait }
  | { readonly kind: "http2"; readonly frames: (shot: Shot) => readonly Buffer[]; readonly answers?: number };

/** A status; `closed`: connection ended or stream reset without an answer; `silent`: neither within the row's time. */
export type Ending = number | "closed" | "silent";

export interface Row {
  readonly what: string;
  readonly send: Send;
  /** Acceptable first answers; or the spelling whose first answer it must share. */
  readonly expect: readonly Ending[] | { readonly sameAs: Send };
  /** When not the vector's: the caller. */
  readonly actor?: Actor;
  /** Text that no application may find as the value of a header that Picket asserts or strips. */
  readonly forged?: string;
}

export interface Vector {
  /** As in the catalogue: `A07`. */
  readonly id: string;
  readonly name: string;
  readonly actor: Actor;
  /** Where the catalogue wants it tested: D, G, E, K, F, N. */
  readonly tier: string;
  /**
   * `all`: each row goes to each of the ten applications. `one`: to U0, and its log is read in all ten ways.
   * `framing`: to the applications that differ in where a request ends, behind a policy that looks at no bodies.
   */
  readonly applications: "all" | "one" | "framing";
  readonly rows: readonly Row[];
  /** Why rows of the catalogue's line are left out; printed and counted. */
  readonly laterIssue?: string;
}

export const host = "orders.shop.example";

export interface Plain {
  readonly method?: string;
  readonly target?: string;
  /** Whose good token goes along. */
  readonly as?: Actor;
  /** False: no Host line. */
  readonly host?: string | false;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly version?: string;
}

/** Bytes of an HTTP/1.1 request; latin1, nothing checked, `content-length` only when a body is given. */
export function requestText(shot: Shot, plain: Plain): string {
  const { method = "GET", target = "/public/a", version = "HTTP/1.1", as = "anon", headers = [], body } = plain;
  const lines = [`${method} ${target} ${version}`];
  if (plain.host !== false) lines.push(`Host: ${plain.host ?? host}`);
  lines.push(`${caseHeader}: ${shot.caseId}`);
  if (as !== "anon") lines.push(`Authorization: Bearer ${shot.mint.honest(as)}`);
  lines.push(...headers);
  if (body !== undefined) lines.push(`Content-Length: ${body.length}`);
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

export function http1(plain: Plain, wait?: Http1Wait): Send {
  return bytes((shot) => requestText(shot, plain), wait);
}

/** Any bytes at all, as latin1 text. */
export function bytes(text: (shot: Shot) => string, wait?: Http1Wait): Send {
  const made = (shot: Shot): Buffer => Buffer.from(text(shot), "latin1");
  return wait === undefined ? { kind: "http1", bytes: made } : { kind: "http1", bytes: made, wait };
}

export interface Plain2 {
  readonly as?: Actor;
  readonly body?: string;
  /** All pseudo-headers; when absent those of `GET /public/a`. */
  readonly pseudo?: readonly Field[];
  /** Go after the case header. */
  readonly fields?: readonly Field[];
}

/** The four pseudo-headers with some replaced; a value of undefined leaves one out. */
export function pseudo(changes: Readonly<Record<string, string | undefined>> = {}): Field[] {
  const all = { ":method": "GET", ":scheme": "http", ":authority": host, ":path": "/public/a", ...changes };
  return Object.entries(all).flatMap(([name, value]): Field[] => (value === undefined ? [] : [[name, value]]));
}

export function http2(plain: Plain2): Send {
  return frames((shot) => {
    const credential: Field[] =
      plain.as === undefined ? [] : [["authorization", `Bearer ${shot.mint.honest(plain.as)}`]];
    const fields: Field[] = [
      ...(plain.pseudo ?? pseudo()),
      [caseHeader, shot.caseId],
      ...credential,
      ...(plain.fields ?? []),
    ];
    return requestFrames(fields, plain.body);
  });
}

export function frames(made: (shot: Shot) => readonly Buffer[], answers?: number): Send {
  return answers === undefined ? { kind: "http2", frames: made } : { kind: "http2", frames: made, answers };
}

/** Rows that differ only in the target of an HTTP/1.1 GET. */
export function targets(expect: Row["expect"], spellings: readonly string[], plain: Plain = {}): Row[] {
  return spellings.map((target) => ({ what: shown(target), send: http1({ as: "alice", ...plain, target }), expect }));
}

/** Rows that differ only in the path of an HTTP/2 GET. */
export function paths2(expect: Row["expect"], spellings: readonly string[]): Row[] {
  return spellings.map((path) => ({
    what: `HTTP/2 ${shown(path)}`,
    send: http2({ as: "alice", pseudo: pseudo({ ":path": path }) }),
    expect,
  }));
}

/** Longest piece of a spelling in a test title. */
const shownCharactersMax = 60;

/** Printable and short, for titles. */
export function shown(text: string): string {
  const printable = text.replace(/[^\x21-\x7e]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    return `\\x${code}`;
  });
  return printable.length > shownCharactersMax
    ? `${printable.slice(0, shownCharactersMax)}… (${text.length} bytes)`
    : printable;
}
