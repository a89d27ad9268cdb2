/** How an application turns the path of a request line into the path that it routes. Pure, total, never throws. */
export type PathReading = (path: string) => string;

/** RFC 3986 section 5.2.4 in the words of a router: `.` goes, `..` takes the segment before it along. */
function resolveDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    if (last && (segment === "." || segment === "..")) kept.push("");
  });
  return `/${kept.join("/")}`;
}

function mergeSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}

/** Undoes every escape of an unreserved character, as RFC 3986 section 6.2.2.2 allows. */
function unescapeUnreserved(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
  });
}

/** Rounds of decoding; more than anybody nests, so that the reading always ends. */
const decodeRoundsMax = 6;

/** Slashes, backslashes and dots of other alphabets that best-fit tables map to ours. */
const lookAlikes: readonly (readonly [RegExp, string])[] = [
  [/[\uff0f\u2215\u2044\u29f8]/g, "/"],
  [/[\uff3c\u2216\u29f5]/g, "\\"],
  [/[\uff0e\u2024\ufe52]/g, "."],
];

/** Decodes what any decoder has ever decoded, until nothing changes: escapes, `%u`, overlong UTF-8, look-alikes. */
function unescapeEverything(path: string): string {
  let text = path;
  for (let round = 0; round < decodeRoundsMax; round++) {
    const before = text;
    text = text.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    text = foldUtf8(text);
    for (const [pattern, plain] of lookAlikes) text = text.replace(pattern, plain);
    if (text === before) break;
  }
  return text;
}

/** UTF-8 in latin1 text to its code points, without the check that forbids overlong forms. */
function foldUtf8(text: string): string {
  return text
    .replace(/[\u00f0-\u00f7]([\u0080-\u00bf]{3})/g, (all) => pointOf(all, 0x07))
    .replace(/[\u00e0-\u00ef]([\u0080-\u00bf]{2})/g, (all) => pointOf(all, 0x0f))
    .replace(/[\u00c0-\u00df]([\u0080-\u00bf])/g, (all) => pointOf(all, 0x1f));
}

function pointOf(sequence: string, mask: number): string {
  let point = sequence.charCodeAt(0) & mask;
  for (let index = 1; index < sequence.length; index++) point = (point << 6) | (sequence.charCodeAt(index) & 0x3f);
  return point <= 0x10ffff ? String.fromCodePoint(point) : sequence;
}

function stripParameters(path: string): string {
  return path
    .split("/")
    .map((segment) => segment.split(";")[0] ?? "")
    .join("/");
}

/** Text before the first NUL: where programs in C end a path. */
function cutAtNul(path: string): string {
  return path.split("\0")[0] ?? "";
}

/** U0: the bytes are the path. */
export const raw: PathReading = (path) => path;

/** U1: RFC 3986, and two slashes are one. */
export const rfc3986: PathReading = (path) => resolveDots(mergeSlashes(unescapeUnreserved(path)));

/** U2: every escape is undone, backslashes are slashes, then dots are resolved. */
export const decodesSlashes: PathReading = (path) =>
  resolveDots(mergeSlashes(cutAtNul(unescapeEverything(path)).replaceAll("\\", "/")));

/** U3: `;param` is dropped from each segment before dots are resolved. */
export const stripsParameters: PathReading = (path) => resolveDots(mergeSlashes(stripParameters(path)));

/** U4: letter case does not count, nor do dots and blanks at the end of a segment, as on some file systems. */
export const ignoresCase: PathReading = (path) =>
  resolveDots(mergeSlashes(path.toLowerCase().split("/").map(trimEnd).join("/")));

function trimEnd(segment: string): string {
  const noBlanks = segment.replace(/(?:%20|%09|\+| |\t)+$/, "");
  return noBlanks === "." || noBlanks === ".." ? noBlanks : segment.replace(/(?:%20|%09|\.| |\t)+$/, "");
}

/** U8: a servlet container: parameters go first, then one round of escapes, then dots. */
export const servlet: PathReading = (path) => {
  const stripped = stripParameters(path);
  const decoded = stripped.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return resolveDots(mergeSlashes(foldUtf8(stripParameters(decoded)).replaceAll("\\", "/")));
};
