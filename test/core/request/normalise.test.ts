import assert from "node:assert/strict";
import { normalisePath } from "../../../core/request/normalise.ts";
import type { PathProblem } from "../../../core/request/path.ts";

/** Rows as a real Envoy 1.40 answered them with the sidecar's configuration. */
const forwarded: readonly (readonly [string, string])[] = [
  ["/", "/"],
  ["/public/../admin", "/admin"],
  ["/public/%2e%2e/admin", "/admin"],
  ["/public/.%2E/admin", "/admin"],
  ["/../../admin", "/admin"],
  ["/public\\..\\admin", "/admin"],
  ["/public/..;/admin", "/admin"],
  ["/public;/../admin", "/admin"],
  ["/./admin/./x", "/admin/x"],
  ["//admin//x", "/admin/x"],
  ["/public//../admin", "/public/admin"],
  ["/admin/.", "/admin/"],
  ["/admin/x/..", "/admin/"],
  ["/..", "/"],
  ["//evil.test/admin", "/evil.test/admin"],
  ["/a\\b", "/a/b"],
  ["/%61dmin", "/admin"],
  ["/%41", "/A"],
  ["/%7E", "/~"],
  ['/"<>{}|^`', "/%22%3C%3E%7B%7D%7C%5E%60"],
  ["/.../admin", "/.../admin"],
  ["/a%252Fb", "/a%252Fb"],
  ["/%252e%252e", "/%252e%252e"],
  ["/%c0%ae", "/%c0%ae"],
  ["/a%23", "/a%23"],
  ["/a%3F", "/a%3F"],
  ["/a%20b", "/a%20b"],
  ["/a?", "/a?"],
  ["/a??", "/a??"],
  ["/a?/../b//c;d", "/a?/../b//c;d"],
  ["/a+b", "/a+b"],
  ["/1*2", "/1*2"],
  ["/a@b:80", "/a@b:80"],
  ["/a,b=c", "/a,b=c"],
  ["/ADMIN", "/ADMIN"],
  ["/a//", "/a/"],
  ["/a/.;/b", "/a/b"],
  ["/a/.;x=1/../b", "/b"],
  ["/a/.;", "/a/"],
  ["/a/..;x", "/"],
  ["/a/..;%00\\b", "/"],
  ["//", "//"],
  ["///?x", "//?x"],
  ["/a/..//", "//"],
  ["/a//..", "/a/"],
  ["/a/%zz/../b", "/a/b"],
  ["/a/%u002e/..", "/a/"],
  ["/a[0]", "/a[0]"],
  ["/%5b%2a", "/%5b%2a"],
];

const refused: readonly (readonly [string, PathProblem])[] = [
  ["", "not-absolute"],
  ["admin", "not-absolute"],
  ["?x", "not-absolute"],
  ["*", "not-absolute"],
  ["/a%2Fb", "encoded-slash"],
  ["/a%2fb", "encoded-slash"],
  ["/a%5Cb", "encoded-backslash"],
  ["/public/..%2f/admin", "encoded-slash"],
  ["/admin%00", "encoded-control"],
  ["/public#/../admin", "fragment"],
  ["/a?b#c", "fragment"],
  ["/a b", "control-byte"],
  ["/a\tb", "control-byte"],
  ["/a\x7f", "control-byte"],
  ["/a\xff", "raw-high-byte"],
  ["/%zz", "broken-escape"],
  ["/a%", "broken-escape"],
  ["/a%2", "broken-escape"],
  ["/%%32%65", "broken-escape"],
  ["/%2%65", "broken-escape"],
  ["/%00/../a", "encoded-control"],
  ["/%2f/../a", "encoded-slash"],
  ["/%u002e", "percent-u"],
  ["/admin;x=1", "semicolon"],
  ["/public/%2e%2e;/admin", "semicolon"],
  ["/public\\..;\\admin", "semicolon"],
];

describe("normalisePath", () => {
  for (const [raw, path] of forwarded) {
    it(`forwards ${JSON.stringify(raw)} as ${JSON.stringify(path)}`, () => {
      assert.deepEqual(normalisePath(raw), { path });
    });
    it(`leaves ${JSON.stringify(path)} alone`, () => {
      assert.deepEqual(normalisePath(path), { path });
    });
  }
  for (const [raw, problem] of refused) {
    it(`refuses ${JSON.stringify(raw)} as ${problem}`, () => {
      assert.deepEqual(normalisePath(raw), { problem });
    });
  }
});
