import { CommandError } from "../errors.ts";
import { exitCodes, type Shell } from "../shell.ts";
import { connect } from "./client.ts";
import { installOrDefault, scorerName } from "./install.ts";
import { nameOf } from "./object.ts";
import type { ClusterReach, NamespaceReach } from "./reach.ts";

/** Where a scorer answers for people. */
const scorerStatusPort = 15_030;

/** What the scorers of the cluster know of a decision: the record of the one that made it. Throws CommandError. */
export async function findClusterDecision(
  shell: Shell,
  reach: ClusterReach & Pick<NamespaceReach, "namespace">,
  id: string,
): Promise<unknown> {
  const cluster = await connect(shell, reach);
  const namespace = reach.namespace ?? (await installOrDefault(cluster));
  const pods = ((await cluster.list(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`)) ?? [])
    .map(nameOf)
    .filter((name) => name.startsWith(`${scorerName}-`));
  if (pods.length === 0) {
    const message = `there is no scorer in namespace ${namespace}`;
    throw new CommandError("PKT0904", message, "name where Picket is with --namespace", exitCodes.unreachable);
  }
  const silent: string[] = [];
  for (const pod of pods) {
    const { status, text } = await cluster.podPage({
      namespace,
      pod,
      port: scorerStatusPort,
      path: `/decisions/${id}`,
    });
    if (status === 200) return parsed(text, pod);
    // What the scorer itself says of an id that it does not know.
    if (status !== 404 || text.trim() !== "not found") silent.push(pod);
  }
  const [first] = silent;
  if (first === undefined) return undefined;
  // Without that one it is not known that the decision does not exist.
  const message = `the API server gives no page of ${first}: rights on pods/proxy are missing, or a NetworkPolicy is in between`;
  const fix = `kubectl -n ${namespace} port-forward ${first} 15030, and picket explain ${id} --status-address 127.0.0.1:15030`;
  throw new CommandError("PKT0911", message, fix, exitCodes.unreachable);
}

function parsed(text: string, pod: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const message = `what ${pod} answers is no decision`;
    throw new CommandError("PKT0911", message, "picket check", exitCodes.unreachable);
  }
}
