import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { allCodes } from "../../cli/explain.ts";
import { createProgram } from "../../cli/program.ts";
import { findingFormats, resultFormats } from "../../cli/output/result.ts";
import { failLevels } from "../../cli/policy/analyze.ts";
import { compileOutputs } from "../../cli/policy/compile.ts";
import { commandSettings } from "../../cli/settings.ts";
import { systemClock } from "../../platform/clock.ts";
import { checkout } from "./captured-shell.ts";

const silent = { write: () => undefined };
const shell = { stdout: silent, stderr: silent, environment: {}, folder: checkout, clock: systemClock };
const program = createProgram(shell, () => undefined);
const commands = program.commands.flatMap((command) => [
  { path: command.name(), command },
  ...command.commands.map((inner) => ({ path: `${command.name()} ${inner.name()}`, command: inner })),
]);

function read(file: string): string {
  return readFileSync(new URL(`../../docs/reference/${file}`, import.meta.url), "utf8");
}

describe("docs/reference/commands.md", () => {
  const sections = new Map(
    read("commands.md")
      .split(/^## /m)
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf("\n")).replace(/^picket ([a-z ]*[a-z]).*$/, "$1"), text]),
  );

  it("has a section for each command, and none for another", () => {
    assert.ok(commands.length >= 14);
    const told = [...sections.keys()].filter((name) => name !== "Environment" && name !== "Policy tests");
    assert.deepEqual(told.toSorted(), commands.map(({ path }) => path).toSorted());
  });

  it("lists exactly the options of each command, with their words", () => {
    for (const { path, command } of commands) {
      const text = sections.get(path) ?? "";
      const told = [...text.matchAll(/^\| `(.+?)` \|/gm)].map(([, flags]) => flags);
      assert.deepEqual(
        told,
        command.options.map(({ flags }) => flags),
        path,
      );
      for (const { argChoices } of command.options) {
        if (argChoices !== undefined)
          assert.ok(text.includes(argChoices.join(", ")), `${path}: ${argChoices.join(", ")}`);
      }
    }
  });

  it("lists exactly the settings of the environment", () => {
    const told = [...(sections.get("Environment") ?? "").matchAll(/^\| `(.+?)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(
      told,
      commandSettings.map(({ name }) => name),
    );
  });

  it("names the words that the commands themselves know", () => {
    const choices = (path: string, flag: string): readonly string[] | undefined =>
      commands.find((one) => one.path === path)?.command.options.find(({ long }) => long === flag)?.argChoices;
    assert.deepEqual(choices("status", "--output"), [...resultFormats]);
    assert.deepEqual(choices("policy analyze", "--output"), [...findingFormats]);
    assert.deepEqual(choices("policy analyze", "--fail-on"), [...failLevels]);
    assert.deepEqual(choices("policy compile", "--output"), [...compileOutputs]);
  });
});

describe("docs/reference/errors.md", () => {
  it("lists exactly the codes that there are, with their names and meanings", () => {
    const rows = [
      ...read("errors.md").matchAll(/^\| `(PKT\d{4})` \| ([a-z-]+) \|(?: (?:info|warning|error) \|)? (.*) \|$/gm),
    ];
    const told = rows.map(([, code, name, text]) => ({ code, name, text }));
    const known = Object.entries(allCodes).map(([code, { name, text }]) => ({ code, name, text }));
    assert.ok(known.length >= 40);
    assert.deepEqual(told, known);
  });

  it("gives each name to one code only", () => {
    const names = Object.values(allCodes).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  });
});
