import { printId } from "../../core/policy/policy.ts";
import { CommandError, printProblems } from "../errors.ts";
import { loadObjects } from "../offline/load.ts";
import { effectiveOf } from "../offline/workload.ts";
import { tableFor, writeResult, type ResultFormat } from "../output/result.ts";
import { exitCodes, type Shell } from "../shell.ts";

export interface EffectiveOptions {
  readonly from: string;
  readonly workload?: string | undefined;
  readonly output: ResultFormat;
}

/** Shows what one workload enforces and which line of which file says so. */
export async function showEffective(shell: Shell, options: EffectiveOptions): Promise<number> {
  const objects = loadObjects([options.from], shell.folder);
  if (objects.problems.length > 0) {
    printProblems(shell, objects.problems);
    throw new CommandError("PKT0903", "bad objects are not merged", "mend the problems above");
  }
  const effective = effectiveOf(objects, options.workload);
  const { mode, lines, failure, denial, guards, identities } = effective;
  const workload = printId(effective.workload.id);
  const names = { identities: identities.map(({ id }) => printId(id)) };
  await writeResult(shell, options.output, {
    kind: "EffectivePolicy",
    body: { workload, mode, failure, denial, guards, ...names, lines },
    text: () => {
      const rows = lines.map(({ field, value, policy, file, line, overrides }) => [
        field,
        value,
        policy,
        `${file}:${line}`,
        overrides.join(", "),
      ]);
      const table = tableFor(shell, ["FIELD", "VALUE", "POLICY", "PLACE", "INSTEAD OF"], rows);
      return `${workload}: mode ${mode}\n${lines.length === 0 ? "no policy speaks about it\n" : table}`;
    },
    names: () => lines.map(({ field }) => field),
  });
  return exitCodes.fine;
}
