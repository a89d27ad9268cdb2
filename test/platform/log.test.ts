import assert from "node:assert/strict";
import { inspect } from "node:util";
import { createLog, logFieldCharactersMax, type LogFormat } from "../../platform/log.ts";
import { Secret } from "../../platform/secret.ts";

const clock = { now: () => 1_767_603_600_000, monotonic: () => 0 };

function lines(format: LogFormat, write: (log: ReturnType<typeof createLog>) => void): string[] {
  const written: string[] = [];
  write(createLog({ level: "info", format, clock, write: (line) => written.push(line) }));
  return written;
}

describe("the log", () => {
  it("writes one JSON object a line, with the fields of its parents", () => {
    const [line] = lines("json", (log) => log.with({ program: "scorer" }).info("started", { port: 7 }));
    assert.deepEqual(JSON.parse(line!), {
      time: "2026-01-05T09:00:00.000Z",
      level: "info",
      message: "started",
      program: "scorer",
      port: 7,
    });
  });

  it("leaves out what is below its level", () => {
    assert.deepEqual(
      lines("text", (log) => log.debug("detail")),
      [],
    );
  });

  it("never prints a secret, however it is wrapped", () => {
    const secret = new Secret("hunter2");
    for (const format of ["json", "text"] as const) {
      const [line] = lines(format, (log) => log.info(`key ${String(secret)}`, { secret, deep: { list: [secret] } }));
      assert.ok(line!.includes("[redacted]") && !line!.includes("hunter2"), line);
    }
    assert.equal(inspect({ secret }), "{ secret: [redacted] }");
    assert.equal(secret.reveal(), "hunter2");
  });

  it("keeps one event on one line and bounded, whatever the text", () => {
    const text = `a\r\n2026 error forged\n${"x".repeat(10 * logFieldCharactersMax)}`;
    for (const format of ["json", "text"] as const) {
      const [line, ...others] = lines(format, (log) => log.error(text, { text, list: [text], error: new Error(text) }));
      assert.equal(others.length, 0);
      assert.equal(line!.trimEnd().split("\n").length, 1);
      assert.ok(line!.length < 5 * logFieldCharactersMax);
    }
  });

  it("prints errors by name, message and code", () => {
    const error = Object.assign(new Error("no such file"), { code: "ENOENT" });
    const [line] = lines("json", (log) => log.warn("cannot read", { error }));
    assert.deepEqual((JSON.parse(line!) as { error: unknown }).error, {
      name: "Error",
      message: "no such file",
      code: "ENOENT",
    });
  });
});
