import { connect, type Cluster } from "./cluster/client.ts";
import { findInstall, installOrDefault } from "./cluster/install.ts";
import { kubeconfigFiles, namesCluster, type ClusterReach, type NamespaceReach } from "./cluster/reach.ts";
import { checkApi } from "./check/api.ts";
import { checkInstalled } from "./check/installed.ts";
import { checkMachine } from "./check/machine.ts";
import { checkMonitoring } from "./check/monitoring.ts";
import { checkBefore } from "./check/pre.ts";
import { checkProxies } from "./check/proxy.ts";
import { reportChecks, type Check, type CheckFormat, type Conclusion } from "./check/report.ts";
import { CommandError } from "./errors.ts";
import { exitCodes, type Shell } from "./shell.ts";
import { isRunMeant, type Reach } from "./status-client.ts";

export interface CheckOptions extends Reach, ClusterReach, NamespaceReach {
  readonly output: CheckFormat;
  /** Folder whose objects are read and whose ports are looked at: of this machine. */
  readonly from?: string | undefined;
  readonly pre?: boolean | undefined;
  readonly proxy?: boolean | undefined;
  readonly monitoring?: boolean | undefined;
}

/** Looks at a cluster when one is named or meant, and at this machine otherwise. 1 when anything fails. */
export async function check(shell: Shell, options: CheckOptions): Promise<number> {
  if (!(await isClusterMeant(shell, options))) return checkMachine(shell, options);
  let checks: readonly Check[];
  try {
    checks = await look(shell, await connect(shell, options), options);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exit === exitCodes.usage) throw error;
    const { message, fix, exit } = error;
    const unreachable: Check = { category: "kubernetes", name: "api", status: "fail", message, fix };
    await reportChecks(shell, options.output, [unreachable], conclusionOf(options));
    return exit;
  }
  return reportChecks(shell, options.output, checks, conclusionOf(options));
}

async function isClusterMeant(shell: Shell, options: CheckOptions): Promise<boolean> {
  const { pre, proxy, monitoring, from } = options;
  if (pre === true || proxy === true || monitoring === true || namesCluster(options)) return true;
  if (shell.name === "kubectl picket") return true;
  return from === undefined && kubeconfigFiles(shell, options).length > 0 && !(await isRunMeant(shell, options));
}

async function look(shell: Shell, cluster: Cluster, options: CheckOptions): Promise<readonly Check[]> {
  const { pre, proxy, monitoring, allNamespaces } = options;
  if (pre === true) return checkBefore(cluster, options.namespace);
  const { checks } = await checkApi(cluster);
  const namespace = allNamespaces === true ? undefined : options.namespace;
  if (proxy === true) return [...checks, ...(await checkProxies(cluster, namespace))];
  if (monitoring === true) {
    return [...checks, ...(await checkMonitoring(cluster, namespace ?? (await installOrDefault(cluster))))];
  }
  const install = namespace ?? (await findInstall(cluster));
  return [...checks, ...(await checkInstalled(cluster, { namespace: install, nowMs: shell.clock.now() }))];
}

function conclusionOf({ pre, proxy, monitoring }: CheckOptions): Conclusion {
  if (pre === true) return { fine: "Picket can be installed", bad: "Picket cannot be installed yet" };
  if (proxy === true) return { fine: "everything that should be protected is", bad: "some pods are not protected" };
  if (monitoring === true)
    return { fine: "nothing that the chart made for Prometheus is ignored", bad: "Prometheus ignores some of it" };
  return { fine: "Picket works", bad: "something is wrong" };
}
