/** One request as it stood in the bytes: nothing trimmed away that somebody could read differently, names as sent. */
export interface RawRequest {
  readonly line: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** The two habits in which servers differ when they look for the end of a request. */
export interface HeaderHabits {
  readonly foldsNames: boolean;
  readonly duplicate: "first" | "last";
}

/** Longest head that an emulator waits for; beyond this the connection is dropped. */
const headBytesMax = 256 * 1024;

export type Taken =
  | { readonly kind: "request"; readonly request: RawRequest; readonly rest: Buffer }
  | { readonly kind: "wait" }
  | { readonly kind: "broken" };

/** The name as an application with this habit sees it: lower case, and `_` and `.` become `-` where it folds. */
export function nameAs(name: string, habits: HeaderHabits): string {
  const lower = name.trim().toLowerCase();
  return habits.foldsNames ? lower.replace(/[_.]/g, "-") : lower;
}

/** The value that an application with this habit uses when a name occurs more than once. */
export function valueOf(headers: RawRequest["headers"], name: string, habits: HeaderHabits): string | undefined {
  const values = headers.filter(([key]) => nameAs(key, habits) === name).map(([, value]) => value);
  return habits.duplicate === "first" ? values[0] : values.at(-1);
}

/**
 * Takes one request off the front of `bytes`, as leniently as an old server would: bare LF ends a line, blanks around
 * names, folded lines, any length that parseInt can read.
 */
export function takeRequest(bytes: Buffer, habits: HeaderHabits): Taken {
  const text = bytes.toString("latin1");
  const start = /^(?:\r?\n)*/.exec(text)?.[0].length ?? 0;
  const end = /\r?\n\r?\n/.exec(text.slice(start));
  if (end === null) return bytes.length > headBytesMax ? { kind: "broken" } : { kind: "wait" };
  const lines = text
    .slice(start, start + end.index)
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/);
  const line = lines[0] ?? "";
  const [method = "", target = ""] = line.split(/[ \t]+/);
  const headers = lines.slice(1).map((header): [string, string] => {
    const colon = header.indexOf(":");
    return colon < 0 ? [header, ""] : [header.slice(0, colon), header.slice(colon + 1).trim()];
  });
  const after = bytes.subarray(start + end.index + end[0].length);
  const request = { line, method, target, headers };
  if (/chunked/i.test(valueOf(headers, "transfer-encoding", habits) ?? "")) return takeChunks(after, request);
  const length = Number.parseInt(valueOf(headers, "content-length", habits) ?? "0", 10);
  const wanted = Number.isFinite(length) && length > 0 ? length : 0;
  if (after.length < wanted) return { kind: "wait" };
  return { kind: "request", request: { ...request, body: after.subarray(0, wanted) }, rest: after.subarray(wanted) };
}

function takeChunks(bytes: Buffer, request: Omit<RawRequest, "body">): Taken {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const newline = bytes.indexOf(0x0a, at);
    if (newline < 0) return { kind: "wait" };
    const size = Number.parseInt(bytes.subarray(at, newline).toString("latin1").trim(), 16);
    if (!Number.isFinite(size) || size < 0) return { kind: "broken" };
    if (size === 0) {
      const trailers = /^(?:[^\r\n]+\r?\n)*\r?\n/.exec(bytes.subarray(newline + 1).toString("latin1"));
      if (trailers === null) return { kind: "wait" };
      const rest = bytes.subarray(newline + 1 + trailers[0].length);
      return { kind: "request", request: { ...request, body: Buffer.concat(parts) }, rest };
    }
    const dataEnd = newline + 1 + size;
    const lineEnd = bytes.indexOf(0x0a, dataEnd);
    if (bytes.length < dataEnd || lineEnd < 0) return { kind: "wait" };
    parts.push(bytes.subarray(newline + 1, dataEnd));
    at = lineEnd + 1;
  }
}
