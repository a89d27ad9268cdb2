import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** Every page of the repository, without what is installed or built. */
const pages = globSync("{*.md,docs/**/*.md,examples/**/*.md,changes/*.md}", { cwd: root }).toSorted();

/** Blocks that a reader is meant to type, page by page. */
const blocks = pages.flatMap((page) => {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match, i) => ({ page, number: i + 1, block: match[1]! }));
});

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

describe("commands in the docs", () => {
  it("README starts with the two commands", () => {
    const first = /^```\n([\s\S]*?)^```/m.exec(readme)![1]!.split("\n");
    assert.match(first[0]!, /^make demo /);
    assert.match(first[1]!, /^make test /);
  });

  it("are looked for where there are some", () => assert.ok(blocks.length >= 3));

  for (const { page, number, block } of blocks) {
    it(`${page}, block ${number}, does what it says`, async function () {
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

  it("name only targets that make knows and commands that picket has", () => {
    const makefile = readFileSync(join(root, "Makefile"), "utf8");
    const commands = readFileSync(join(root, "docs/reference/commands.md"), "utf8");
    let looked = 0;
    for (const page of pages) {
      const text = readFileSync(join(root, page), "utf8");
      for (const [, target = ""] of text.matchAll(/(?:^|`)make ([a-z-]+)/gm)) {
        looked++;
        assert.match(makefile, new RegExp(`^${target}:`, "m"), `${page}: make ${target}`);
      }
      for (const [, command = ""] of text.matchAll(/(?:^|`)(?:bin\/)?picket ((?:policy )?[a-z]+)/gm)) {
        looked++;
        assert.ok(commands.includes(`picket ${command}`), `${page}: picket ${command}`);
      }
    }
    assert.ok(looked > 20);
  });

  it("README names only files that exist", () => {
    const paths = [...readme.matchAll(/`((?:docs|examples)\/[\w./-]+|[A-Z]+\.md)`/g)].map((match) => match[1]!);
    assert.ok(paths.length > 5);
    for (const path of paths) assert.ok(existsSync(join(root, path)), path);
  });
});
