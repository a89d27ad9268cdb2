/** One `COPY from to`: the folder of the repository that becomes a layer, and where it lies in the image. */
export interface CopiedLayer {
  readonly from: string;
  readonly to: string;
}

/** What one target of the Dockerfile says, with what it inherits. */
export interface ImageTarget {
  readonly layers: readonly CopiedLayer[];
  readonly environment: readonly string[];
  readonly user: string;
  readonly folder: string;
  readonly entrypoint: readonly string[];
}

const scratch: ImageTarget = { layers: [], environment: [], user: "", folder: "/", entrypoint: [] };

/**
 * Reads the few instructions that our Dockerfile uses, so that images made without Docker follow it. An instruction
 * that is not known stops the build: two ways of building must not come apart in silence.
 */
export function parseDockerfile(text: string): ReadonlyMap<string, ImageTarget> {
  const targets = new Map<string, ImageTarget>([["scratch", scratch]]);
  let name = "";
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [instruction = "", ...words] = line.split(" ");
    const rest = words.join(" ");
    if (instruction === "FROM") {
      const base = targets.get(words[0] ?? "");
      if (words[1] !== "AS" || words[2] === undefined || base === undefined) throw unknown(line);
      name = words[2];
      targets.set(name, base);
      continue;
    }
    const target = targets.get(name);
    if (target === undefined) throw unknown(line);
    targets.set(name, { ...target, ...change(target, instruction, rest, line) });
  }
  targets.delete("scratch");
  return targets;
}

function change(target: ImageTarget, instruction: string, rest: string, line: string): Partial<ImageTarget> {
  switch (instruction) {
    case "COPY": {
      const [from, to, more] = rest.split(" ");
      if (from === undefined || to === undefined || more !== undefined) throw unknown(line);
      return { layers: [...target.layers, { from, to }] };
    }
    case "ENV":
      return { environment: [...target.environment, rest] };
    case "USER":
      return { user: rest };
    case "WORKDIR":
      return { folder: rest };
    case "ENTRYPOINT":
      return { entrypoint: JSON.parse(rest) as string[] };
    default:
      throw unknown(line);
  }
}

function unknown(line: string): TypeError {
  return new TypeError(`images/Dockerfile: this is not understood without Docker: ${line}`);
}
