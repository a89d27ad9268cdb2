import assert from "node:assert/strict";
import { normalisePath } from "../../../core/request/normalise.ts";
import { createPathView, decodeSegment, parsePath } from "../../../core/request/path.ts";
import { pathResolvers } from "../../emulators/paths.ts";
import { findContradiction } from "./one-view.ts";

const climbs = ["..", ".", "...", "..;", "..;x=1", ".;", "..%00", ". .", ".. ", "..%20", "..%09", ".%00."];
const slashes = ["/", "\\", "//", "/./", "\\/", ";/", "/;/"];
const starts = ["/public", "/public/x", "", "/public;a=b"];
const ends = ["", "/", ".", "%00", "%00.css", ";.css", "?x", "#x", "%20", "/."];

const hex = (text: string, prefix: string): string =>
  Array.from(text, (c) => prefix + c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
const punctuation = (encode: (c: string) => string) => (text: string) => text.replace(/[./\\;]/g, encode);

/** Ways to spell the dots, slashes and semicolons of a traversal. */
const encoders: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  escaped: punctuation((c) => hex(c, "%")),
  "escaped dots": (text) => text.replaceAll(".", "%2E"),
  "escaped slashes": (text) => text.replace(/[/\\]/g, (c) => hex(c, "%").toUpperCase()),
  "escaped twice": punctuation((c) => hex(c, "%25")),
  "escaped thrice": punctuation((c) => hex(c, "%2525")),
  "escaped digits": punctuation((c) => `%%${hex(hex(c, ""), "").slice(0, 2)}%${hex(hex(c, ""), "").slice(2)}`),
  "percent u": punctuation((c) => hex(c, "%u00")),
  overlong: punctuation((c) => `%c0%${(0x80 | (c.charCodeAt(0) & 0x3f)).toString(16)}`),
  "overlong in three": punctuation((c) => `%e0%80%${(0x80 | (c.charCodeAt(0) & 0x3f)).toString(16)}`),
  fullwidth: punctuation((c) => encodeURIComponent(String.fromCharCode(c.charCodeAt(0) + 0xfee0))),
};

function* traversals(): Generator<string> {
  for (const start of starts) {
    for (const climb of climbs) {
      for (const slash of slashes) {
        for (const end of ends) {
          for (const depth of [1, 2]) {
            const way = `${slash}${`${climb}${slash}`.repeat(depth)}`;
            for (const encode of Object.values(encoders)) {
              yield `${start}${encode(way)}admin/secret${end}`;
              yield `/${encode(`${start}${way}`)}admin${encode("/")}secret${end}`;
            }
          }
        }
      }
    }
  }
}

const isSecret = (segments: readonly string[]): boolean => segments.join("/") === "admin/secret";

describe("traversals aimed at /admin/secret (A32)", () => {
  const view = createPathView();

  it("are refused or judged as the path that every resolver serves", () => {
    let tried = 0;
    let judgedSecret = 0;
    const reachedUnguarded = new Set<string>();
    for (const raw of traversals()) {
      tried++;
      if (tried % 16 === 0) {
        for (const { id, resolve } of pathResolvers) if (isSecret(resolve(raw))) reachedUnguarded.add(id);
      }
      const finding = findContradiction(raw);
      assert.notEqual(finding.kind, "contradiction", `${raw}: ${JSON.stringify(finding)}`);
      if (finding.kind !== "agreed") continue;
      const normalised = normalisePath(raw);
      assert.ok("path" in normalised);
      assert.equal(parsePath(normalised.path, view), undefined);
      const judged = Array.from({ length: view.segmentCount }, (_, i) =>
        decodeSegment(view.path, view.segmentStarts[i] ?? -1, view.segmentEnds[i] ?? -1),
      );
      if (isSecret(judged)) judgedSecret++;
      for (const { id, foldsCase, resolve } of pathResolvers) {
        const served = resolve(normalised.path);
        assert.ok(
          !isSecret(served) || isSecret(judged) || (foldsCase && isSecret(judged.map((s) => s.toLowerCase()))),
          `${id}: ${raw}`,
        );
      }
    }
    // The gate looked: unguarded, all but the one that resolves nothing are reached; guarded, plain spellings are judged.
    assert.ok(tried > 100_000, `${tried} tried`);
    assert.ok(judgedSecret > 100, `${judgedSecret} judged as the secret`);
    assert.deepEqual(
      pathResolvers.map(({ id }) => id).filter((id) => !reachedUnguarded.has(id)),
      ["U0"],
    );
  });
});
