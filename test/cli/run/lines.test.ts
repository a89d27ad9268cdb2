import assert from "node:assert/strict";
import fc from "fast-check";
import { createLineReader, lineCharactersMax } from "../../../cli/run/lines.ts";

function read(...texts: readonly string[]): string[] {
  const lines: string[] = [];
  const reader = createLineReader((line) => lines.push(line));
  for (const text of texts) reader(text);
  return lines;
}

describe("createLineReader", () => {
  it("gives the same lines however the text is cut, and waits for the end of the last one", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n") })), (texts) => {
        assert.deepEqual(read(...texts), texts.join("").split("\n").slice(0, -1));
      }),
    );
  });

  it("drops a line that is too long, whole, and goes on with the next", () => {
    const long = "x".repeat(lineCharactersMax);
    assert.deepEqual(read("a\n", long, "\nb\n"), ["a", long, "b"]);
    assert.deepEqual(read("a\n", long, "y", "z\nb\n"), ["a", "b"]);
    assert.deepEqual(read(`a\n${long}y\nb\n`), ["a", "b"]);
  });
});
