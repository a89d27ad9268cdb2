/** One metric family in Prometheus' text form. */
interface Family {
  readonly head: string[];
  readonly samples: { readonly program: string; readonly line: string }[];
}

/**
 * Joins the metrics of several programs into one text. A family may stand there only once; where more than one program
 * has it, its samples get the label `program`, since they would else be the same series.
 */
export function joinExpositions(texts: Readonly<Record<string, string>>): string {
  const families = new Map<string, Family>();
  const programsOf = new Map<string, Set<string>>();
  for (const [program, text] of Object.entries(texts)) {
    let name = "";
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const head = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      if (head?.[1] !== undefined) name = head[1];
      const family = families.get(name) ?? { head: [], samples: [] };
      families.set(name, family);
      const programs = programsOf.get(name) ?? new Set();
      programsOf.set(name, programs);
      if (head === null) {
        if (!line.startsWith("#")) family.samples.push({ program, line });
      } else if (programs.size === 0 || [...programs][0] === program) family.head.push(line);
      programs.add(program);
    }
  }
  const lines = [...families].flatMap(([name, { head, samples }]) => {
    const isShared = (programsOf.get(name)?.size ?? 0) > 1;
    return [...head, ...samples.map(({ program, line }) => (isShared ? withLabel(line, program) : line))];
  });
  return `${lines.join("\n")}\n`;
}

function withLabel(line: string, program: string): string {
  const end = /[{ ]/.exec(line)?.index ?? line.length;
  const name = line.slice(0, end);
  const label = `program="${program}"`;
  if (line[end] !== "{") return `${name}{${label}}${line.slice(end)}`;
  return line[end + 1] === "}" ? `${name}{${label}${line.slice(end + 1)}` : `${name}{${label},${line.slice(end + 1)}`;
}
