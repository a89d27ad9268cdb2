import type { Cluster } from "../cluster/client.ts";
import { isOurs } from "../cluster/install.ts";
import {
  fieldOf,
  isRecord,
  labelsOf,
  listAt,
  nameOf,
  namespaceOf,
  textsAt,
  type KubeObject,
} from "../cluster/object.ts";
import { checksOf, someOf } from "./facts.ts";
import type { Check } from "./report.ts";

const { ok, warn, fail, look } = checksOf("monitoring");

const group = "/apis/monitoring.coreos.com/v1";

/** A kind that a Prometheus picks by labels, and what switches it on in the chart. */
interface Picked {
  readonly kind: string;
  readonly plural: string;
  /** `serviceMonitor` of `serviceMonitorSelector`. */
  readonly field: string;
  /** Value of the chart whose labels it gets. */
  readonly value: string;
}

const picked: readonly Picked[] = [
  { kind: "ServiceMonitor", plural: "servicemonitors", field: "serviceMonitor", value: "metrics.serviceMonitor" },
  { kind: "PodMonitor", plural: "podmonitors", field: "podMonitor", value: "metrics.podMonitor" },
  { kind: "PrometheusRule", plural: "prometheusrules", field: "rule", value: "metrics.rules" },
];

/**
 * Whether a Prometheus will look at what the chart made for it. One that selects by a label which our objects have not
 * ignores them in silence, which nobody sees before the first alert is missed.
 */
export function checkMonitoring(cluster: Cluster, namespace: string): Promise<readonly Check[]> {
  return look("prometheus operator", async () => {
    const servers = await cluster.list(`${group}/prometheuses`);
    if (servers === undefined) {
      const fix = "scrape ports 15030 (scorer) and 15040 (operator) otherwise, and load charts/picket/rules";
      return warn("prometheus operator", "the cluster has no Prometheus Operator", fix);
    }
    if (servers.length === 0) {
      const fix = "kubectl get prometheus -A; make one, or switch metrics.serviceMonitor.enabled off";
      return warn("prometheus", "Prometheus Operator is there, and no Prometheus", fix);
    }
    const namespaces = new Map(
      ((await cluster.list("/api/v1/namespaces")) ?? []).map((one) => [nameOf(one), labelsOf(one)]),
    );
    const checks: Check[] = [];
    let monitors = 0;
    for (const kind of picked) {
      const objects = (await cluster.list(`${group}/namespaces/${namespace}/${kind.plural}`)) ?? [];
      const own = objects.filter(isOurs);
      if (kind.kind !== "PrometheusRule") monitors += own.length;
      for (const object of own) checks.push(checkPicked(kind, object, servers, namespaces));
      if (own.length === 0 && kind.kind === "PrometheusRule") checks.push(missing(kind, "alerts on Picket", namespace));
    }
    if (monitors === 0) checks.unshift(missing(picked[0]!, "metrics of Picket", namespace));
    return checks;
  });
}

function missing({ kind, value }: Picked, what: string, namespace: string): Check {
  const fix = `helm upgrade picket CHART -n ${namespace} --reuse-values --set ${value}.enabled=true`;
  return warn(kind, `there is none in ${namespace}, so nobody gets ${what}`, fix);
}

type Labels = Readonly<Record<string, string>>;

function checkPicked(
  { kind, field, value }: Picked,
  object: KubeObject,
  servers: readonly KubeObject[],
  namespaces: ReadonlyMap<string, Labels>,
): Check {
  const title = `${kind} ${nameOf(object)}`;
  const own = labelsOf(object);
  const place = namespaceOf(object);
  const takers = servers.filter(
    (server) =>
      meansLabels(fieldOf(server, "spec", `${field}Selector`), own) && meansNamespace(server, field, place, namespaces),
  );
  if (takers.length > 0) return ok(title, `taken by ${someOf(takers.map(printName))}`);
  // The server that would take it for the fewest further labels is the one that people mean.
  const [best] = servers
    .map((server) => ({ server, lacking: lackingLabels(fieldOf(server, "spec", `${field}Selector`), own) }))
    .toSorted((a, b) => (a.lacking?.length ?? 99) - (b.lacking?.length ?? 99));
  const { server, lacking } = best!;
  if (lacking === undefined) {
    const fix = `kubectl -n ${namespaceOf(server)} patch prometheus ${nameOf(server)} --type merge --patch '{"spec":{"${field}Selector":{}}}'`;
    return fail(title, `Prometheus ${printName(server)} selects no ${kind} at all`, fix);
  }
  if (lacking.length > 0) {
    const settings = lacking.map(([name, text]) => `--set ${value}.labels.${name.replaceAll(".", "\\.")}=${text}`);
    const message = `Prometheus ${printName(server)} ignores it: it lacks ${lacking.map(([name, text]) => `${name}=${text}`).join(", ")}`;
    return fail(title, message, `helm upgrade picket CHART -n ${place} --reuse-values ${settings.join(" ")}`);
  }
  const selector = JSON.stringify(textsAt(server, "spec", `${field}NamespaceSelector`, "matchLabels"));
  const message = `Prometheus ${printName(server)} looks only into namespaces with ${selector === "{}" ? "its own name" : selector}`;
  const labels = Object.entries(textsAt(server, "spec", `${field}NamespaceSelector`, "matchLabels"));
  const fix =
    labels.length > 0
      ? `kubectl label namespace ${place} ${labels.map(([name, text]) => `${name}=${text}`).join(" ")}`
      : `kubectl -n ${namespaceOf(server)} patch prometheus ${nameOf(server)} --type merge --patch '{"spec":{"${field}NamespaceSelector":{}}}'`;
  return fail(title, message, fix);
}

const printName = (server: KubeObject): string => `${namespaceOf(server)}/${nameOf(server)}`;

/** Without a namespace selector only its own namespace counts; an empty one means all. */
function meansNamespace(
  server: KubeObject,
  field: string,
  place: string,
  namespaces: ReadonlyMap<string, Labels>,
): boolean {
  const selector = fieldOf(server, "spec", `${field}NamespaceSelector`);
  if (!isRecord(selector)) return namespaceOf(server) === place;
  return meansLabels(selector, { "kubernetes.io/metadata.name": place, ...namespaces.get(place) });
}

/** A selector that is not there means nothing, an empty one everything. */
function meansLabels(selector: unknown, labels: Labels): boolean {
  return lackingLabels(selector, labels)?.length === 0;
}

/** Labels that are missing for the selector to mean the object; undefined where no label can help. */
function lackingLabels(selector: unknown, labels: Labels): readonly (readonly [string, string])[] | undefined {
  if (!isRecord(selector)) return undefined;
  const lacking: (readonly [string, string])[] = Object.entries(textsAt(selector, "matchLabels")).filter(
    ([name, text]) => labels[name] !== text,
  );
  for (const demand of listAt(selector, "matchExpressions")) {
    const key = typeof demand["key"] === "string" ? demand["key"] : "";
    const values = Array.isArray(demand["values"]) ? demand["values"].filter((one) => typeof one === "string") : [];
    const own = labels[key];
    switch (demand["operator"]) {
      case "In":
        if (own === undefined || !values.includes(own)) lacking.push([key, values[0] ?? ""]);
        break;
      case "Exists":
        if (own === undefined) lacking.push([key, "picket"]);
        break;
      case "NotIn":
        if (own !== undefined && values.includes(own)) return undefined;
        break;
      default:
        // DoesNotExist, or an operator of a later version.
        if (own !== undefined) return undefined;
    }
  }
  return lacking;
}
