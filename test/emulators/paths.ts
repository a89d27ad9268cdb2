/**
 * How applications find out which path was asked for. Each function gets the target as the application receives it and
 * returns the segments that its router would compare. They are written to be as lenient as the servers they stand for,
 * and share no code with the parser that they judge.
 */
export interface PathResolver {
  /** `U0` to `U8` are the upstreams of the security catalogue; the `X` are further habits seen in the field. */
  readonly id: string;
  readonly habit: string;
  /** True when letter case means nothing to it: its segments are in lower case. */
  readonly foldsCase: boolean;
  readonly resolve: (target: string) => string[];
}

/** Text before the query, as a byte string. */
function pathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? target : target.slice(0, mark);
}

/** Decodes every escape it understands and leaves the others. */
function unescape(text: string): string {
  if (!text.includes("%")) return text;
  let decoded = "";
  for (let i = 0; i < text.length; i++) {
    const digits = text.slice(i + 1, i + 3);
    if (text[i] === "%" && /^[0-9a-f]{2}$/i.test(digits)) {
      decoded += String.fromCharCode(Number.parseInt(digits, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

/** Splits, merges slashes and resolves dot segments (RFC 3986 5.2.4). */
function resolveDots(path: string): string[] {
  const out: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") out.pop();
    else if (segment !== "." && segment !== "") out.push(segment);
  }
  return out;
}

function withoutParameters(path: string): string {
  if (!path.includes(";")) return path;
  return path
    .split("/")
    .map((segment) => segment.split(";", 1)[0])
    .join("/");
}

/** UTF-8 as a careless decoder reads it: overlong forms are taken for the character they spell. */
function lenientUtf8(bytes: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const first = bytes.charCodeAt(i);
    const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length === 1 || i + length > bytes.length) {
      text += bytes[i];
      continue;
    }
    let codePoint = first & (0xff >> (length + 1));
    for (let k = 1; k < length; k++) codePoint = (codePoint << 6) | (bytes.charCodeAt(i + k) & 0x3f);
    text += String.fromCodePoint(Math.min(codePoint, 0x10_ffff));
    i += length - 1;
  }
  return text;
}

/** Text as a byte string of its UTF-8. */
function utf8Bytes(text: string): string {
  return /[^\0-\u007f]/.test(text) ? unescape(encodeURIComponent(text.toWellFormed())) : text;
}

const asText =
  (read: (text: string) => string) =>
  (target: string): string[] =>
    resolveDots(read(lenientUtf8(unescape(pathOf(target))))).map(utf8Bytes);

export const pathResolvers: readonly PathResolver[] = [
  {
    id: "U0",
    habit: "compares raw segments and decodes each",
    foldsCase: false,
    resolve: (target) => {
      const segments = pathOf(target).slice(1).split("/");
      if (segments.at(-1) === "") segments.pop();
      return segments.map(unescape);
    },
  },
  {
    id: "U1",
    habit: "resolves dot segments, merges slashes, then decodes",
    foldsCase: false,
    resolve: (target) => resolveDots(pathOf(target)).map(unescape),
  },
  {
    id: "U2",
    habit: "decodes everything first, takes backslashes for slashes",
    foldsCase: false,
    resolve: (target) => resolveDots(unescape(pathOf(target)).replaceAll("\\", "/")),
  },
  {
    id: "U3",
    habit: "strips ;parameters from each segment",
    foldsCase: false,
    resolve: (target) => resolveDots(withoutParameters(pathOf(target))).map(unescape),
  },
  {
    id: "U4",
    habit: "does not tell letter cases apart",
    foldsCase: true,
    resolve: (target) => resolveDots(unescape(pathOf(target)).toLowerCase()),
  },
  {
    id: "U8",
    habit: "strips ;parameters, decodes, strips again, resolves dots, takes backslashes for slashes",
    foldsCase: false,
    resolve: (target) =>
      resolveDots(withoutParameters(unescape(withoutParameters(pathOf(target))).replaceAll("\\", "/"))),
  },
  {
    id: "X1",
    habit: "decodes twice",
    foldsCase: false,
    resolve: (target) => resolveDots(unescape(unescape(pathOf(target)))),
  },
  {
    id: "X2",
    habit: "ends the path at a NUL byte",
    foldsCase: false,
    resolve: (target) => resolveDots(unescape(pathOf(target)).split("\0", 1)[0] ?? ""),
  },
  {
    id: "X3",
    habit: "drops dots and blanks at the end of names",
    foldsCase: false,
    resolve: (target) =>
      resolveDots(unescape(pathOf(target)))
        .map((segment) => segment.replace(/[. \t]+$/, ""))
        .filter((segment) => segment !== ""),
  },
  {
    id: "X4",
    habit: "understands %uXXXX",
    foldsCase: false,
    resolve: (target) =>
      resolveDots(
        unescape(
          pathOf(target).replace(/%u00([0-9a-f]{2})/gi, (_, digits: string) =>
            String.fromCharCode(Number.parseInt(digits, 16)),
          ),
        ),
      ),
  },
  { id: "X5", habit: "accepts overlong UTF-8", foldsCase: false, resolve: asText((text) => text) },
  {
    id: "X6",
    habit: "maps look-alikes of slash and dot to the real ones",
    foldsCase: false,
    resolve: asText((text) =>
      text
        .replace(/[\uff0f\u2215\u2044\u29f8]/g, "/")
        .replace(/[\uff3c\ufe68\u2216]/g, "/")
        .replace(/[\uff0e\ufe52\u2024]/g, ".")
        .replaceAll("\u2025", ".."),
    ),
  },
  {
    id: "X7",
    habit: "cuts a fragment from the raw path",
    foldsCase: false,
    resolve: (target) => resolveDots(pathOf(target).split("#", 1)[0] ?? "").map(unescape),
  },
];
