import { commandSettings } from "./settings.ts";
import { tableFor, writeResult, type ResultFormat } from "./output/result.ts";
import { exitCodes, type Shell } from "./shell.ts";

/** Prints every setting with its value and where that comes from. */
export async function showConfig(shell: Shell, output: ResultFormat): Promise<number> {
  const settings = commandSettings.map(({ name, meaning, value }) => ({
    name,
    value: value(shell),
    source: shell.environment[name] ? "environment" : "default",
    meaning,
  }));
  await writeResult(shell, output, {
    kind: "Configuration",
    body: { settings },
    text: () =>
      tableFor(
        shell,
        ["SETTING", "VALUE", "SOURCE", "MEANING"],
        settings.map(({ name, value, source, meaning }) => [name, value, source, meaning]),
      ),
    names: () => settings.map(({ name }) => name),
  });
  return exitCodes.fine;
}
