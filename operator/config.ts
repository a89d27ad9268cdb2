import { address, oneOf, text, type ConfigOf } from "../platform/config.ts";
import { logSettings } from "../platform/program.ts";

/** Where objects come from. docs/reference/settings.md lists all settings; they are read once from the environment. */
export const sourceSetting = oneOf("PICKET_SOURCE", ["folder", "kubernetes"], {
  meaning: "where objects come from: a folder of YAML files, or the API server of a cluster",
  fallback: "folder",
});

const everywhere = {
  source: sourceSetting,
  listen: address("PICKET_OPERATOR_LISTEN", { meaning: "where proxies and scorers get their configuration" }),
  status: address("PICKET_OPERATOR_STATUS", {
    meaning: "where /metrics, /readyz and /status are served",
    fallback: "127.0.0.1:15040",
  }),
  scorer: address("PICKET_SCORER", { meaning: "where proxies ask the scorer and send their access log" }),
  keysCa: text("PICKET_KEYS_CA", {
    meaning: "PEM file with authorities that issuers of tokens may have beside the usual ones, for fetching keys",
    fallback: "none",
  }),
};

/** Settings of the operator over a folder. */
export const folderSettings = {
  ...everywhere,
  folder: text("PICKET_POLICIES", { meaning: "folder with the YAML files that say what is protected and how" }),
  state: text("PICKET_STATE", { meaning: "folder for the status of objects and their last good generation" }),
  bootstrap: text("PICKET_PROXY_BOOTSTRAP", {
    meaning: "file into which the start configuration of a proxy on this machine is written",
    fallback: "none",
  }),
  proxyAdmin: address("PICKET_PROXY_ADMIN", {
    meaning: "where that proxy's own administration listens",
    fallback: "127.0.0.1:15000",
  }),
  events: oneOf("PICKET_OPERATOR_EVENTS", ["off", "stdout"], {
    meaning: "print what happens as JSON lines on the standard output",
    fallback: "off",
  }),
  ...logSettings,
};

export type FolderConfig = ConfigOf<typeof folderSettings>;

/** Settings of the operator in a cluster. The chart sets them. */
export const clusterSettings = {
  ...everywhere,
  namespace: text("PICKET_NAMESPACE", { meaning: "namespace of the install" }),
  pod: text("PICKET_POD", { meaning: "name of this replica, by which it leads and is found in the lease" }),
  kubeconfig: text("PICKET_KUBECONFIG", {
    meaning: "how to reach the API server: a kubeconfig file, or in-cluster",
    fallback: "in-cluster",
  }),
  apiHost: text("KUBERNETES_SERVICE_HOST", {
    meaning: "address of the API server as kubelet tells it; keys of issuers are never fetched from there",
    fallback: "none",
  }),
  name: text("PICKET_OPERATOR_NAME", {
    meaning: "name of the operator's Service, by which proxies and scorers know its certificate",
    fallback: "picket-operator",
  }),
  scorerAccount: text("PICKET_SCORER_ACCOUNT", {
    meaning: "ServiceAccount of the scorers, the only one that may have policies in their form",
    fallback: "picket-scorer",
  }),
  webhook: address("PICKET_WEBHOOK_LISTEN", {
    meaning: "where the API server asks about pods",
    fallback: "0.0.0.0:15017",
  }),
  certificates: text("PICKET_CERTIFICATES", {
    meaning: "where certificates come from: builtin, or a folder with tls.crt, tls.key and ca.crt",
    fallback: "builtin",
  }),
  injection: oneOf("PICKET_INJECTION", ["webhook", "policy", "off"], {
    meaning: "how pods get their sidecar: by the webhook, by a MutatingAdmissionPolicy (Kubernetes 1.36), or not",
    fallback: "webhook",
  }),
  injectionFailure: oneOf("PICKET_INJECTION_FAILURE", ["Ignore", "Fail"], {
    meaning: "what becomes of a pod that asks for protection and cannot have it",
    fallback: "Ignore",
  }),
  capture: oneOf("PICKET_CAPTURE", ["Redirect", "Port"], {
    meaning: "how requests come to the sidecar where neither pod nor namespace says",
    fallback: "Redirect",
  }),
  proxyImage: text("PICKET_PROXY_IMAGE", { meaning: "image of the sidecar" }),
  redirectImage: text("PICKET_REDIRECT_IMAGE", {
    meaning: "image of the init container that redirects; proxy: the same as the sidecar's",
    fallback: "proxy",
  }),
  imagePullPolicy: oneOf("PICKET_PROXY_PULL_POLICY", ["IfNotPresent", "Always", "Never"], {
    meaning: "when the image of the sidecar is pulled",
    fallback: "IfNotPresent",
  }),
  proxyResources: text("PICKET_PROXY_RESOURCES", {
    meaning: "resources of the sidecar's container, as JSON",
    fallback: '{"requests":{"cpu":"50m","memory":"96Mi"},"limits":{"memory":"256Mi"}}',
  }),
  ipv6: oneOf("PICKET_IPV6", ["off", "on"], {
    meaning: "whether sidecars also listen on IPv6; off: connections over IPv6 are refused",
    fallback: "off",
  }),
  ...logSettings,
};

export type ClusterConfig = ConfigOf<typeof clusterSettings>;
