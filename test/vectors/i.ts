import { at, golden, row, type ClusterVector } from "./vector.ts";

/** Group I: ways around the sidecar. */
export const groupI: readonly ClusterVector[] = [
  row("I01", "another pod dials the application's port on the pod's address", "redirected to the sidecar and judged", [
    [at.enforcement, "are judged, whoever calls and by whichever address"],
    [at.redirect, "sends every port of both families to the proxy"],
  ]),
  row(
    "I02",
    "the same over IPv6, or by an IPv4-mapped address",
    "the same; a pod whose IPv6 cannot be redirected does not start",
    [
      [at.redirect, "sends every port of both families to the proxy"],
      [at.redirect, "fails when the pod has IPv6 and IPv6 cannot be redirected"],
      [at.redirect, "does without IPv6 where the pod has none"],
      [at.pods, "I02: are not reached over IPv6 either"],
    ],
  ),
  row("I03", "the application listens on a port that it does not declare", "captured, and refused", [
    [at.enforcement, "close what they never declared, and the capturing port itself"],
    ["test/operator/translate/pod.test.ts", "has a chain for each judged port and none for anything else"],
  ]),
  row(
    "I04",
    "the owner of a pod leaves ports out by annotation",
    "honoured only where the administrator of the namespace allows it; seen in an annotation",
    [
      golden("excluded-not-allowed", "reason: exclude-not-allowed"),
      golden("excluded-allowed", "picket.dev/excluded-ports"),
      [at.redirect, "leaves excluded ports out, and only those of its last run"],
    ],
  ),
  row("I05", "UDP or QUIC to the application's port", "not captured, said at admission and in the guide", [
    golden("udp", "UDP port"),
    ["docs/guides/inject.md", "nor UDP. Close UDP ports with a NetworkPolicy"],
  ]),
  row(
    "I06",
    "a caller in the same pod, over loopback or the pod's own address",
    "inside the boundary: documented; no loop",
    [
      [at.redirect, "does not touch what the pod calls itself"],
      ["docs/guides/inject.md", "127.0.0.1, nor UDP"],
    ],
  ),
  row("I07", "a container with the user or group of the proxy", "refused at admission", [
    golden("proxy-user-container", "reason: proxy-identity"),
    golden("proxy-user-pod", "reason: proxy-identity"),
    golden("proxy-group", "reason: proxy-identity"),
    [at.webhook, "makes the pod that injection makes"],
  ]),
  row(
    "I08",
    "NET_ADMIN, privileged, hostNetwork, hostPID, shareProcessNamespace",
    "refused, or let in by the administrator of the namespace with a warning",
    [
      golden("net-admin", "reason: can-bypass"),
      golden("privileged", "reason: can-bypass"),
      golden("host-network", "reason: host-network"),
      golden("host-pid", "reason: can-bypass"),
      golden("net-admin-allowed", "the namespace allows that"),
      golden("shared-processes", "share processes can stop the proxy"),
    ],
    "NET_RAW is let in: it opens raw sockets and changes no rule",
  ),
  row("I09", "traffic before redirection; the application starts before its proxy is ready", "not possible: order", [
    ["test/operator/inject/inject.test.ts", "puts the redirection and the proxy before everything else"],
    [at.enforcement, "have a sidecar that started before them, and their probes are green"],
    [at.failure, "a proxy that starts before its scorer answers 503, not the application"],
  ]),
  row("I10", "the proxy is killed while the application lives", "nothing reaches the application; not ready", [
    [at.lifecycle, "its sidecar is killed: kubelet starts it anew, the application goes on, nothing gets past"],
  ]),
  row(
    "I11",
    "the application flushes the rules",
    "only with the rights of I08; the canary finds an application that answers",
    [
      golden("net-admin", "reason: can-bypass"),
      ["test/operator/canary/canary.test.ts", "report an application that goes on answering, once"],
      ["test/operator/reconcile/reconciler.test.ts", "closes a workload whose application answers"],
    ],
  ),
  row(
    "I12",
    "a pod without a sidecar where there should be one",
    "refused, or counted and told of in less than a minute",
    [
      [at.tenants, "I12: a pod that came in while nobody injected is counted and told of"],
      [at.unprotected, "a bare pod, or one from before injection"],
      [at.unprotected, "a pod that opted out of a policy"],
      [at.unprotected, "a pod with a policy whose namespace lost its label"],
      [at.chart, "refuses pods that cannot be protected once failurePolicy is Fail, and no others"],
    ],
    "ephemeral containers pass no admission of pods: who may add one with NET_ADMIN is outside the boundary",
  ),
  row(
    "I13",
    "administration, pages, scorer and configuration from another pod and from the application",
    "refused, but health and metrics, read only",
    [
      [at.tenants, "I13: ports of the product show health and metrics to anybody, and nothing else"],
      [at.tenants, "I13, J23: who has no token gets no configuration"],
      [at.tokens, "let in the proxy of the pod that they are bound to, and nobody by its name"],
      [at.pods, "I13: keep the proxy's administration out of the application's reach"],
      [at.pods, "I13: learn nothing of other namespaces from the operator's pages"],
    ],
  ),
  row("I14", "a second Service, headless, by node port, host port or external address", "all captured", [
    [at.pods, "I14: are judged by every way that leads to them"],
    golden("host-port-port", "reaches the application, not the sidecar"),
  ]),
  row("I15", "the application asks the scorer itself, to learn or to poison", "no answer that is an allow, no trace", [
    [at.tenants, "I15: a question to the scorer by somebody who is no proxy is not answered with an allow"],
    ["test/sidecar/check/handler.test.ts", "judges who carries the workload's key, at the first time and after"],
    [
      "test/sidecar/accesslog/proven-calls.test.ts",
      "takes what carries the key of its workload and drops everything else",
    ],
  ]),
];
