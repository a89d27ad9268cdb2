import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** Blocks that a reader is meant to type. */
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1]!);

/** `curl … # 200` says what must come out. */
interface Expected {
  readonly line: string;
  readonly status: string;
}

/** Runs a block as a reader would, line by line in one shell, and ends what it left running. */
async function run(script: string): Promise<{ code: number | null; output: string }> {
  const lines = script.split("\n").filter((line) => line.trim() !== "");
  const shell = spawn("bash", ["-c", `set -e\n${lines.join("\n")}`], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let output = "";
  shell.stdout.on("data", (text: Buffer) => (output += text.toString()));
  shell.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => shell.once("exit", resolve));
  // Everything the block started is in its process group.
  try {
    process.kill(-shell.pid!, "SIGTERM");
  } catch {
    // Nothing was left running.
  }
  return { code, output };
}

describe("README", () => {
  it("starts with the two commands", () => {
    const first = /^```\n([\s\S]*?)^```/m.exec(readme)![1]!.split("\n");
    assert.match(first[0]!, /^make demo /);
    assert.match(first[1]!, /^make test /);
  });

  it("has blocks to type", () => assert.ok(blocks.length >= 2));

  for (const [i, block] of blocks.entries()) {
    it(`block ${i + 1} does what it says`, async function () {
      this.timeout(120_000);
      const { code, output } = await run(block.replace(/^make setup\n/, ""));
      assert.equal(code, 0, output);
      const expected: Expected[] = [...block.matchAll(/^(curl .*?)\s+# (\d{3})$/gm)].map(
        ([, line = "", status = ""]) => ({ line, status }),
      );
      const statuses = output.match(/^\d{3}$/gm) ?? [];
      assert.deepEqual(
        statuses,
        expected.map(({ status }) => status),
        output,
      );
    });
  }

  it("names only files that exist and targets that make knows", () => {
    const makefile = readFileSync(join(root, "Makefile"), "utf8");
    for (const [, target] of readme.matchAll(/^make ([a-z]+)/gm))
      assert.match(makefile, new RegExp(`^${target}:`, "m"));
    const paths = [...readme.matchAll(/`((?:docs|examples)\/[\w./-]+|[A-Z]+\.md)`/g)].map((match) => match[1]!);
    assert.ok(paths.length > 5);
    for (const path of paths) assert.ok(existsSync(join(root, path)), path);
  });
});
