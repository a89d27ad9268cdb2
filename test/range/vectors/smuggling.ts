import { caseHeader } from "../emulators/server.ts";
import { host, type Shot } from "./vector.ts";

/** One way to tell two servers two different ends of a request. */
export interface Shape {
  readonly what: string;
  /** Everything but the case header, whose place is marked by `head`'s end. */
  readonly text: (shot: Shot) => string;
  /**
   * `refused`: no reading is honest. `passes`: one is, and passing is right as long as nothing leaks. `waits`: the body
   * is announced longer than it is, so that no answer is right as well.
   */
  readonly ends: "refused" | "passes" | "waits";
}

/** The request that hides in a body. It names nobody: wherever it surfaces, it is a leak. */
const hidden = `GET /admin/secret HTTP/1.1\r\nHost: ${host}\r\n${caseHeader}: anon/smuggled/0\r\n\r\n`;
const hiddenInChunks = `0\r\n\r\n${hidden}`;
const hiddenInChunk = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;

function post(lines: readonly string[], body: string): (shot: Shot) => string {
  return (shot) =>
    `POST /login HTTP/1.1\r\nHost: ${host}\r\n${caseHeader}: ${shot.caseId}\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Values of Transfer-Encoding that somebody has taken for `chunked`, or not. */
const encodings: readonly string[] = [
  "chunked",
  "CHUNKED",
  "chunked, identity",
  "identity, chunked",
  "chunked, chunked",
  ",chunked",
  "chunked,",
  "xchunked",
  "chunkedx",
  "x chunked",
  '"chunked"',
  "chunked;q=1",
  "\x0bchunked",
  "chunked\x0b",
  "chunked\0",
  "chun\tked",
  "gzip, chunked",
  "identity",
  "",
  "chunked\r\nTransfer-Encoding: identity",
  "identity\r\nTransfer-Encoding: chunked",
  "chunked\r\nTransfer-Encoding: chunked",
  "x\r\n chunked",
];

/** Names that a lenient server folds to Transfer-Encoding or Content-Length. */
const namesOf = (name: string): readonly string[] => [
  `${name} `,
  `${name}\t`,
  ` ${name}`,
  name.replace("-", "_"),
  name.replace("-", "."),
  name.replace("-", " "),
  name.replace("-", "\0"),
  `${name}\0`,
  `${name}\x0b`,
  `\x0b${name}`,
  name.replace("-", "\x96"),
  `X: y\n${name}`,
  `X: y\r${name}`,
];

/** Folded into the value of the header before, or with its CR taken out, the name is no name any more: harmless. */
function endsOf(name: string): Shape["ends"] {
  return name.startsWith(" ") || name.includes("\r") ? "passes" : "refused";
}

/** Lengths that no honest client writes; `#` stands for the real one. */
const lengths: readonly string[] = [
  "+#",
  "-1",
  "-#",
  "0x10",
  "1_0",
  "1e1",
  "#.0",
  "# #",
  "#,#",
  "0,#",
  "#, 0",
  "#;",
  '"#"',
  "",
  " ",
  "#\x0b",
  "\x0b#",
  "#\0",
  "\xb2",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551615",
  "18446744073709551616",
  "99999999999999999999999999999999",
  "#\r\nContent-Length: 0",
  "0\r\nContent-Length: #",
  "#\r\nContent-Length: #",
  "0\r\n #",
  "Infinity",
];

/** Our grammar of request smuggling: encodings x length or none, names, lengths; well above 79 shapes. */
export const shapes: readonly Shape[] = [
  ...encodings.map((value, index): Shape => ({
    what: `CL.TE with Transfer-Encoding ${index}: ${JSON.stringify(value)}`,
    text: post([`Content-Length: ${hiddenInChunks.length}`, `Transfer-Encoding: ${value}`], hiddenInChunks),
    ends: value === "" ? "passes" : "refused",
  })),
  ...encodings.map((value, index): Shape => ({
    what: `TE.CL with Transfer-Encoding ${index}: ${JSON.stringify(value)}`,
    text: post([`Transfer-Encoding: ${value}`, "Content-Length: 4"], hiddenInChunk),
    ends: value === "" ? "passes" : "refused",
  })),
  ...encodings.map((value, index): Shape => ({
    what: `TE alone ${index}: ${JSON.stringify(value)}`,
    text: post([`Transfer-Encoding: ${value}`], hiddenInChunks),
    // The hidden request is then an honest second one on the connection, judged on its own.
    ends: ["chunked", "CHUNKED", "", "x\r\n chunked"].includes(value) ? "passes" : "refused",
  })),
  ...namesOf("Transfer-Encoding").map((name): Shape => ({
    what: `name ${JSON.stringify(name)}`,
    text: post([`Content-Length: ${hiddenInChunks.length}`, `${name}: chunked`], hiddenInChunks),
    ends: endsOf(name),
  })),
  ...namesOf("Content-Length").flatMap((name): Shape[] => [
    {
      what: `name ${JSON.stringify(name)} beside a zero`,
      text: post(["Content-Length: 0", `${name}: ${hidden.length}`], hidden),
      ends: endsOf(name),
    },
    {
      what: `name ${JSON.stringify(name)} with zero beside a length`,
      text: post([`${name}: 0`, `Content-Length: ${hidden.length}`], hidden),
      ends: endsOf(name),
    },
  ]),
  ...lengths.map((value): Shape => ({
    what: `length ${JSON.stringify(value)}`,
    text: post([`Content-Length: ${value.replaceAll("#", String(hidden.length))}`], hidden),
    ends: value === " " ? "passes" : value.length > 17 && value.length < 21 ? "waits" : "refused",
  })),
  ...["\n", "\r"].map((end): Shape => ({
    what: `header lines that end in ${JSON.stringify(end)}`,
    text: post([`Content-Length: 0${end}Content-Length: ${hidden.length}`], hidden),
    ends: "refused",
  })),
  {
    what: "length on a GET",
    text: (shot) =>
      `GET /public/a HTTP/1.1\r\nHost: ${host}\r\n${caseHeader}: ${shot.caseId}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    ends: "passes",
  },
  {
    what: "HTTP/1.0 with chunks",
    text: (shot) => post(["Transfer-Encoding: chunked"], hiddenInChunks)(shot).replace("HTTP/1.1", "HTTP/1.0"),
    ends: "refused",
  },
];
