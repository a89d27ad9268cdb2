import { apiVersion } from "../../core/policy/parse.ts";

/** A kind of Picket in a cluster. */
export interface ClusterKind {
  readonly kind: string;
  readonly plural: string;
  readonly short: string;
  readonly isNamespaced: boolean;
}

/** The kinds that this version installs. */
export const clusterKinds: readonly ClusterKind[] = [
  { kind: "ApiPolicy", plural: "apipolicies", short: "apol", isNamespaced: true },
  { kind: "ClusterApiPolicy", plural: "clusterapipolicies", short: "capol", isNamespaced: false },
  { kind: "ApiIdentity", plural: "apiidentities", short: "aid", isNamespaced: true },
  { kind: "ClusterApiIdentity", plural: "clusterapiidentities", short: "caid", isNamespaced: false },
  { kind: "ApiService", plural: "apiservices", short: "asvc", isNamespaced: true },
  { kind: "ApiBlock", plural: "apiblocks", short: "ablk", isNamespaced: true },
  { kind: "ApiGrant", plural: "apigrants", short: "agrant", isNamespaced: true },
  { kind: "PicketConfig", plural: "picketconfigs", short: "pcfg", isNamespaced: false },
];

const group = apiVersion.slice(0, apiVersion.indexOf("/"));

/** `apipolicies.picket.dev`: the name of the definition. */
export function definitionName({ plural }: ClusterKind): string {
  return `${plural}.${group}`;
}

/** Version under which this version reads and writes. */
export const servedVersion = apiVersion.slice(apiVersion.indexOf("/") + 1);

/** Where the API server lists the kind: in one namespace, or everywhere. */
export function listPath({ plural, isNamespaced }: ClusterKind, namespace?: string): string {
  const place = isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `/apis/${apiVersion}${place}/${plural}`;
}
