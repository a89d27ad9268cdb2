import type { Command, Option } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type CompletionShell = (typeof shells)[number];

/** One command of the tree, as completion needs it. */
interface Node {
  /** `policy test`; empty for picket itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly Option[];
}

/** A completion script made from the command tree, so that it never differs from it. */
export function printCompletion(program: Command, shell: CompletionShell): string {
  const nodes = collect(program, "");
  switch (shell) {
    case "bash":
      return bash(nodes);
    case "zsh":
      return `#compdef picket\nautoload -Uz bashcompinit && bashcompinit\n${bash(nodes)}`;
    case "fish":
      return fish(nodes);
  }
}

function collect(command: Command, path: string): readonly Node[] {
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.summary() || one.description() }));
  const inner = command.commands.flatMap((one) => collect(one, path === "" ? one.name() : `${path} ${one.name()}`));
  return [{ path, commands, options: command.options }, ...inner];
}

function flagsOf(option: Option): readonly string[] {
  return [option.short, option.long].filter((flag) => flag !== undefined && flag !== null);
}

function bash(nodes: readonly Node[]): string {
  const words = nodes.map(({ path, commands, options }) => {
    const list = [...commands.map(({ name }) => name), ...options.flatMap(flagsOf), "--help"];
    return `    "${path}") words="${list.join(" ")}" ;;\n`;
  });
  const values = new Map<string, string>();
  for (const { options, path } of nodes) {
    for (const option of options) {
      for (const flag of option.argChoices === undefined ? [] : flagsOf(option)) {
        values.set(`${path}|${flag}`, (option.argChoices ?? []).join(" "));
      }
    }
  }
  const choices = [...values].map(([key, list]) => `    "${key}") words="${list}" ;;\n`);
  return `_picket() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${nodes
      .map(({ path }) => path)
      .filter((path) => path !== "")
      .map((path) => path.replaceAll(" ", "_"))
      .join(" ")} " in
      *" \${path:+\${path// /_}_}\${word} "*) path="\${path:+$path }\${word}" ;;
    esac
  done
  case "$path" in
${words.join("")}  esac
  case "$path|$previous" in
${choices.join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _picket picket
`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const parts = path.split(" ").filter((part) => part !== "");
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    const names = commands.map(({ name }) => name).join(" ");
    const here = [...seen, ...(names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`])].join("; and ");
    const condition = here === "" ? "" : ` -n '${here}'`;
    return [
      ...commands.map(({ name, summary }) => `complete -c picket -f${condition} -a ${name} -d '${quoted(summary)}'`),
      ...options.map((option) => {
        const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
        const long = option.long === undefined || option.long === null ? "" : ` -l ${option.long.slice(2)}`;
        const values = option.argChoices === undefined ? "" : ` -x -a '${option.argChoices.join(" ")}'`;
        return `complete -c picket${condition}${short}${long}${values} -d '${quoted(option.description)}'`;
      }),
    ];
  });
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "\\'");
}
