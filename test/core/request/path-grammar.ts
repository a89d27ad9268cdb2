/** A small, fast, seeded source of numbers (xorshift, 32 bits): the same seed gives the same paths everywhere. */
export type Random = (below: number) => number;

export function seeded(seed: number): Random {
  let state = Math.imul(seed | 0, 0x9e37_79b1) ^ 0x2545_f491 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const words = [
  "public",
  "admin",
  "orders",
  "Admin",
  "a",
  "1",
  "caf%C3%A9",
  "x.y",
  "%E5%9B%BD",
  "a%20b",
  "%40",
  "a-b_c~d",
];
const legal = ["*", ",", "=", "@", ":", "+", "!", "$", "'", "(", ")", "&", "~", "-", "_"];
const separators = [
  "/",
  "/",
  "/",
  "/",
  "//",
  "\\",
  "%2f",
  "%5C",
  "%ef%bc%8f",
  "%e2%88%95",
  "%c0%af",
  "%252f",
  "%u2215",
];
const dots = [
  ".",
  "..",
  "...",
  "%2e",
  "%2E%2e",
  ".%2e",
  "%c0%ae",
  "%252e%252e",
  "%u002e",
  "%ef%bc%8e",
  "%e2%80%a5",
  "..;",
];
const oddities = [
  ";",
  ";x=1",
  "%3b",
  "%00",
  "%09",
  "%20",
  "%7f",
  "%0d%0a",
  "%",
  "%2",
  "%zz",
  "%%32%65",
  "%25",
  "%23",
  "#",
  "%3F",
  "%61",
  "%41dmin",
  "\u0000",
  " ",
  "\u00ff",
  "{",
  "|",
  "%c3",
  "%ed%a0%80",
  "%f4%90%80%80",
  "%c2%a0",
  "%e0%80%af",
];
const queries = ["?", "?x=/../admin", "??", "?a;b", "?a=%zz", "?q#f"];

/** One raw target of the grammar: mostly ordinary pieces, now and then a hostile one, rarely any byte at all. */
export function randomTarget(random: Random): string {
  const pick = (list: readonly string[]): string => list[random(list.length)] ?? "";
  let target = random(50) === 0 ? "" : "/";
  // Some of the paths are tame, so that many get through to the resolvers.
  const wild = random(4) === 0 ? 0 : 1 + random(8);
  const pieces = random(9);
  for (let i = 0; i < pieces; i++) {
    if (random(12) >= wild) {
      target += pick(random(8) === 0 ? legal : words);
      if (random(3) > 0) target += "/";
      continue;
    }
    const choice = random(16);
    if (choice < 5) target += pick(separators);
    else if (choice < 10) target += `${random(2) === 0 ? "/" : ""}${pick(dots)}${random(2) === 0 ? "/" : ""}`;
    else if (choice < 14) target += pick(oddities);
    else if (choice < 15) target += String.fromCharCode(random(256));
    else target += `%${(0x100 + random(256)).toString(16).slice(1)}`;
  }
  if (random(8) === 0) target += pick(queries);
  return target;
}

/** The shortest target found by leaving bytes out as long as `fails` still holds. */
export function shrink(target: string, fails: (candidate: string) => boolean): string {
  for (let size = Math.max(1, target.length >> 1); size >= 1; size >>= 1) {
    for (let at = 0; at + size <= target.length;) {
      const shorter = target.slice(0, at) + target.slice(at + size);
      if (fails(shorter)) target = shorter;
      else at++;
    }
  }
  return target;
}
