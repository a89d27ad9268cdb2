import assert from "node:assert/strict";
import { LineReader } from "../../../operator/kube/lines.ts";

function read(chunks: readonly (string | Buffer)[], bytesMax = 100): string[] {
  const lines: string[] = [];
  const reader = new LineReader(bytesMax, (line) => lines.push(line));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  reader.end();
  return lines;
}

describe("a line reader", () => {
  it("cuts wherever the chunks were cut, inside a letter too", () => {
    const bytes = Buffer.from('{"a":"ü"}\n{"b":1}\n\n{"c":2}\n');
    for (let i = 0; i <= bytes.length; i++) {
      assert.deepEqual(read([bytes.subarray(0, i), bytes.subarray(i)]), ['{"a":"ü"}', '{"b":1}', '{"c":2}']);
    }
  });

  it("takes one byte at a time", () => {
    assert.deepEqual(read([..."one\ntwo\n"]), ["one", "two"]);
  });

  it("refuses half a line at the end", () => {
    assert.throws(() => read(["one\ntw"]), { code: "malformed", reason: "HalfLine" });
  });

  it("refuses a line that is too long before it has ended", () => {
    assert.deepEqual(read(["x".repeat(100), "\n"]), ["x".repeat(100)]);
    assert.throws(() => read(["x".repeat(60), "x".repeat(41)]), { code: "malformed", reason: "LineTooLong" });
  });

  it("refuses bytes that are not UTF-8", () => {
    assert.throws(() => read([Buffer.from([0x22, 0xff, 0x22, 0x0a])]), { code: "malformed", reason: "NotUtf8" });
  });
});
