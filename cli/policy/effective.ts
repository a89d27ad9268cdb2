import { printId } from "../../core/policy/policy.ts";
import { connect } from "../cluster/client.ts";
import { loadFromCluster } from "../cluster/load.ts";
import { kubeconfigFiles, namesCluster, type ClusterReach } from "../cluster/reach.ts";
import { CommandError, printProblems } from "../errors.ts";
import { loadObjects, type LoadedObjects } from "../offline/load.ts";
import { effectiveOf } from "../offline/workload.ts";
import { tableFor, writeResult, type ResultFormat } from "../output/result.ts";
import { exitCodes, type Shell } from "../shell.ts";

export interface EffectiveOptions extends ClusterReach {
  /** Folder or file; without one the cluster is asked, or the present folder where no cluster is meant. */
  readonly from?: string | undefined;
  readonly namespace?: string | undefined;
  readonly workload?: string | undefined;
  readonly output: ResultFormat;
}

/** Shows what one workload enforces and which line of which file says so. */
export async function showEffective(shell: Shell, options: EffectiveOptions): Promise<number> {
  const objects = await readObjects(shell, options);
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
        line === 0 ? file : `${file}:${line}`,
        overrides.join(", "),
      ]);
      const table = tableFor(shell, ["FIELD", "VALUE", "POLICY", "PLACE", "INSTEAD OF"], rows);
      return `${workload}: mode ${mode}\n${lines.length === 0 ? "no policy speaks about it\n" : table}`;
    },
    names: () => lines.map(({ field }) => field),
  });
  return exitCodes.fine;
}

async function readObjects(shell: Shell, options: EffectiveOptions): Promise<LoadedObjects> {
  const { from, workload, namespace } = options;
  if (from !== undefined) return loadObjects([from], shell.folder);
  const isCluster =
    namesCluster(options) || shell.name === "kubectl picket" || kubeconfigFiles(shell, options).length > 0;
  if (!isCluster) return loadObjects(["."], shell.folder);
  const cluster = await connect(shell, options);
  const slash = workload?.indexOf("/") ?? -1;
  const named = slash > 0 ? workload?.slice(0, slash) : undefined;
  const objects = await loadFromCluster(cluster, namespace ?? named ?? cluster.namespace);
  if (objects.workloads.length > 0) return objects;
  const message = `no pod of namespace ${namespace ?? named ?? cluster.namespace} declares a port`;
  throw new CommandError("PKT0904", message, "name another with --namespace, or --workload namespace/name");
}
