import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createProgram } from "../../cli/program.ts";
import { systemClock } from "../../platform/clock.ts";
import { checkout, picket } from "./captured-shell.ts";

const silent = { write: () => undefined };
const program = createProgram(
  { stdout: silent, stderr: silent, environment: {}, folder: checkout, clock: systemClock },
  () => undefined,
);
const paths = program.commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((inner) => [command.name(), inner.name()]),
]);

describe("picket", () => {
  for (const path of [[], ...paths]) {
    it(`${["picket", ...path].join(" ")} --help opens with three examples`, async () => {
      const { code, stdout, stderr } = await picket([...path, "--help"]);
      assert.equal(code, 0);
      assert.equal(stderr, "");
      const lines = stdout.split("\n");
      assert.equal(lines[0], "Examples:");
      assert.ok(
        lines.slice(1, 4).every((line) => /^ {2}\S/.test(line) && line.includes("picket")),
        lines.slice(1, 4).join("|"),
      );
      assert.equal(lines[4], "");
    });
  }

  it("tells an unknown command from a near one", async () => {
    const near = await picket(["polcy"]);
    assert.deepEqual(near, {
      code: 2,
      stdout: "",
      stderr: "error: unknown command 'polcy' [PKT0901]\ntry:   did you mean policy?\n",
    });
    const far = await picket(["zebra"]);
    assert.deepEqual(far, {
      code: 2,
      stdout: "",
      stderr: "error: unknown command 'zebra' [PKT0901]\ntry:   picket --help\n",
    });
    assert.match((await picket(["policy", "tset"])).stderr, /try: {3}did you mean test\?/);
  });

  it("ends with 2 and the way to the help for every wrong use", async () => {
    for (const args of [
      ["status", "--nosuch"],
      ["status", "-o", "xml"],
      ["status", "one", "two"],
      ["can", "anonymous"],
      ["can", "anonymous", "GET", "/"],
      ["explain"],
      ["completion", "tcsh"],
      ["policy", "test", "--min", "101"],
      ["policy", "analyze", "--fail-on", "fatal"],
      ["run"],
    ]) {
      const { code, stdout, stderr } = await picket(args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, /^error: .* \[PKT0901\]\ntry: {3}(picket .*--help|did you mean .*)\n$/s, args.join(" "));
    }
  });

  it("shows the help on stderr when no command is given", async () => {
    const { code, stdout, stderr } = await picket([]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Examples:/);
  });

  it("prints documents with a version and a kind, or as YAML, or a name", async () => {
    const json: unknown = JSON.parse((await picket(["version", "-o", "json"])).stdout);
    assert.deepEqual(Object.keys(json as object).slice(0, 2), ["apiVersion", "kind"]);
    assert.match(
      (await picket(["version", "-o", "yaml"])).stdout,
      /^apiVersion: cli\.picket\.dev\/v1\nkind: Version\n/,
    );
    assert.match((await picket(["version", "-o", "name"])).stdout, /^[0-9.]+\n$/);
    assert.equal((await picket(["--version"])).stdout, (await picket(["version"])).stdout);
  });

  it("shows each setting with its source", async () => {
    const { stdout } = await picket(["config", "-o", "json"], { environment: { PICKET_LOG_LEVEL: "debug" } });
    const { settings } = JSON.parse(stdout) as { settings: { name: string; value: string; source: string }[] };
    const find = (name: string): unknown => settings.find((one) => one.name === name);
    assert.deepEqual(
      { ...(find("PICKET_LOG_LEVEL") as object), meaning: "" },
      { name: "PICKET_LOG_LEVEL", value: "debug", source: "environment", meaning: "" },
    );
    assert.deepEqual(
      { ...(find("PICKET_LOG_FORMAT") as object), meaning: "" },
      { name: "PICKET_LOG_FORMAT", value: "text", source: "default", meaning: "" },
    );
  });

  it("runs as a program and ends with the exit code of the command", () => {
    const script = `${checkout}/bin/picket`;
    const { status, stdout } = spawnSync(script, ["version", "-o", "name"], { encoding: "utf8", timeout: 20_000 });
    assert.equal(status, 0);
    assert.match(stdout, /^[0-9.]+\n$/);
    const wrong = spawnSync(script, ["nosuch"], { encoding: "utf8", timeout: 20_000 });
    assert.equal(wrong.status, 2);
  });
});

describe("picket completion", () => {
  const complete = (words: readonly string[]): readonly string[] => {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const script = `eval "$(cat)"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _picket; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = spawnSync("bash", ["-c", script], {
      encoding: "utf8",
      input: completions.get("bash") ?? "",
      timeout: 20_000,
    });
    return stdout.split("\n").filter((line) => line !== "");
  };
  const completions = new Map<string, string>();

  before(async () => {
    for (const name of ["bash", "zsh", "fish"]) completions.set(name, (await picket(["completion", name])).stdout);
  });

  it("offers commands, inner commands, options and the words of an option", () => {
    assert.deepEqual(complete(["picket", "st"]), ["status"]);
    assert.deepEqual(complete(["picket", "policy", "te"]), ["test"]);
    assert.deepEqual(complete(["picket", "policy", "analyze", "--fail"]), ["--fail-on"]);
    assert.deepEqual(complete(["picket", "policy", "analyze", "--fail-on", ""]), ["info", "warning", "error", "never"]);
    assert.deepEqual(complete(["picket", "status", "-o", "j"]), ["json"]);
  });

  it("names every command for every shell", () => {
    for (const [name, text] of completions) {
      for (const path of paths) assert.ok(text.includes(path.at(-1) ?? ""), `${name}: ${path.join(" ")}`);
    }
    assert.match(completions.get("zsh") ?? "", /^#compdef picket\n/);
  });
});
