import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AuthorityProblem,
  authorityProblems,
  hostBytesMax,
  hostLabelBytesMax,
  parseAuthority,
} from "../../../core/request/authority.ts";

function hostOf(raw: string): string {
  const view = { host: "left over" };
  const problem = parseAuthority(raw, view);
  if (problem !== undefined) assert.equal(view.host, "");
  return problem === undefined ? `host ${view.host}` : problem;
}

const label = "a".repeat(hostLabelBytesMax);
const longest = `${label}.${label}.${label}.${label}`;

describe("parseAuthority", () => {
  const accepted: readonly (readonly [string, string, string])[] = [
    ["B11", "orders.example", "orders.example"],
    ["B11", "ORDERS.Example", "orders.example"],
    ["B12", "orders.example:8080", "orders.example"],
    ["B12", "Orders.example:65535", "orders.example"],
    ["B12", "orders.example:00080", "orders.example"],
    ["B13", "orders.example.", "orders.example"],
    ["B13", "orders.example.:80", "orders.example"],
    ["B14", "127.0.0.1", "127.0.0.1"],
    ["B14", "127.0.0.1:80", "127.0.0.1"],
    ["B14", "localhost", "localhost"],
    ["B14", "[::1]", "[::1]"],
    ["B14", "[2001:DB8:0::1]:443", "[2001:db8::1]"],
    ["B14", "[::ffff:127.0.0.1]", "127.0.0.1"],
    ["names", "my_service", "my_service"],
    ["names", "_dmarc.a-b.example", "_dmarc.a-b.example"],
    ["names", "xn--caf-dma.example", "xn--caf-dma.example"],
    ["names", "3com.example", "3com.example"],
    ["names", "1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"],
    ["size", longest, longest],
  ];
  for (const [vector, raw, host] of accepted) {
    it(`reads ${raw.length > 60 ? "the longest host" : raw} as ${host.length > 60 ? "itself" : host} (${vector})`, () => {
      assert.equal(hostOf(raw), `host ${host}`);
    });
  }

  const refusals: readonly (readonly [string, string, AuthorityProblem])[] = [
    ["B08", "", "empty"],
    ["B08", ":80", "empty"],
    ["B10", "a.test,b.test", "several-hosts"],
    ["B10", "a.test, b.test", "several-hosts"],
    ["B10", "a.test:80,b.test", "several-hosts"],
    ["B10", "[::1],b.test", "several-hosts"],
    ["A27", "a@b", "user-info"],
    ["A27", "name:secret@b", "bad-port"],
    ["A27", "name:1@b", "user-info"],
    ["B12", "a.test:", "bad-port"],
    ["B12", "a.test:0", "bad-port"],
    ["B12", "a.test:99999", "bad-port"],
    ["B12", "a.test:000080", "bad-port"],
    ["B12", "a.test:x", "bad-port"],
    ["B12", "a.test:80:80", "bad-port"],
    ["B12", "a.test:+80", "bad-port"],
    ["B13", "a.test..", "bad-label"],
    ["B13", "a..test", "bad-label"],
    ["B13", ".", "bad-label"],
    ["B13", ".a.test", "bad-label"],
    ["B13", "a.test..:80", "bad-label"],
    ["names", "-a.test", "bad-label"],
    ["names", "a-.test", "bad-label"],
    ["names", `${label}a.test`, "bad-label"],
    ["bytes", "a b", "illegal-byte"],
    ["bytes", " a", "illegal-byte"],
    ["bytes", "a/b", "illegal-byte"],
    ["bytes", "a%2eb", "illegal-byte"],
    ["bytes", "a\\b", "illegal-byte"],
    ["bytes", "caf\xe9.test", "illegal-byte"],
    ["bytes", "a\0", "illegal-byte"],
    ["bytes", "[::1]x", "illegal-byte"],
    ["B14", "2130706433", "numeric-host"],
    ["B14", "127.1", "numeric-host"],
    ["B14", "127.0.0.01", "numeric-host"],
    ["B14", "1.2.3.4.5", "numeric-host"],
    ["B14", "0x7f000001", "numeric-host"],
    ["B14", "127.0.0.0X1", "numeric-host"],
    ["B14", "a.test.99", "numeric-host"],
    ["B14", "[::1", "bad-address"],
    ["B14", "[]", "bad-address"],
    ["B14", "[127.0.0.1]", "bad-address"],
    ["B14", "[fe80::1%25eth0]", "bad-address"],
    ["B14", "[v1.x]", "bad-address"],
    ["B14", "[::1]:0", "bad-port"],
    ["B14", "[::1].", "bad-label"],
    ["size", "a.".repeat(hostBytesMax), "too-long"],
    ["size", `${longest}.a`, "too-long"],
  ];
  for (const [vector, raw, problem] of refusals) {
    it(`refuses ${JSON.stringify(raw.slice(0, 40))} as ${problem} (${vector})`, () =>
      assert.equal(hostOf(raw), problem));
  }

  it("uses every word of its closed list above", () => {
    const seen = new Set<string>(refusals.map(([, , problem]) => problem));
    assert.deepEqual(
      authorityProblems.filter((problem) => !seen.has(problem)),
      [],
    );
  });

  it("gives a host that it reads as itself, whatever the text", () => {
    const parts = fc.constantFrom(
      "a",
      "B",
      "-",
      "_",
      ".",
      "..",
      ":80",
      ":",
      ",",
      "@",
      "1",
      "127.0.0.1",
      "[::1]",
      " ",
      "0x",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), (pieces) => {
        const found = hostOf(pieces.join(""));
        if (found.startsWith("host ")) {
          assert.match(found, /^host (\[[0-9a-f:]+\]|[a-z0-9_][a-z0-9._-]*)$/);
          assert.equal(hostOf(found.slice(5)), found);
        }
      }),
      { numRuns: 10_000, seed: 19 },
    );
  });
});
