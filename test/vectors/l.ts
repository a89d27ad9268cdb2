import { at, row, type ClusterVector } from "./vector.ts";

const plan = "test/operator/certs/plan.test.ts";

/** Group L: faults of the control plane. */
export const groupL: readonly ClusterVector[] = [
  row("L01", "the API server is away", "traffic does not notice; the operator is back in half a minute", [
    [at.faults, "L01: etcd and the API server are killed: traffic does not notice, and changes come through after"],
    [at.faults, "L01: an operator that starts while the API server is away lives, waits, and serves once it is back"],
    [at.lifecycle, "the API server is away: running traffic does not notice"],
    [at.kube, "L01: are over soon after the API server is back, with all that happened"],
    [at.wire, "L01: knows everything again after the server was away, deletions of that time among it"],
  ]),
  row("L02", "a watch is told 410, at its begin, in its middle, with an empty body", "a whole list; nothing missed", [
    [at.wire, "misses no change and no deletion when"],
    [at.kube, "L02, L03: misses nothing when etcd was compacted while no watch was open"],
  ]),
  row("L03", "etcd is compacted between list and watch", "as L02", [
    [at.wire, "L03: reads the list again when the history was compacted between list and watch"],
    [at.kube, "L02, L03: misses nothing when etcd was compacted while no watch was open"],
  ]),
  row("L04", "a watch stays open and silent", "listed again within a minute", [
    [at.reflector, "is listed again within a minute when a watch stays open and silent"],
    [at.kube, "L04: finds an API server that is frozen with every connection open"],
  ]),
  row("L05", "lines cut, halved, of eight megabytes, not JSON", "counted, listed again, never ignored", [
    [at.wire, "L05: takes a line of eight megabytes, however it was cut"],
    [at.reflector, "leads to a whole list, and is counted, when a line"],
  ]),
  row("L06", "a list that fails after a watch that failed", "tried again for ever", [
    [at.faults, "L06: the operator's rights are taken away: what is in force stays, and changes come through after"],
    [at.wire, "L06: is stopped at once by its signal, whatever it waits for"],
    [at.reflector, "is not asked in a circle where it"],
  ]),
  row("L07", "the lease is lost in the middle of a write; two leaders by their clocks", "one writes", [
    [at.faults, "L07: a leader that was frozen writes nothing after another one leads"],
    [at.lease, "never has two leaders, whatever links and clocks do"],
    [at.certificates, "does not make two authorities when two lead at once"],
  ]),
  row("L08", "the operator is killed at each of its writes", "the next one makes the same of it", [
    [at.faults, "L08: the last good generation of a policy that is bad by now outlives the operator"],
    [at.faults, "L08: an operator that is killed at each of its writes, before or after it, makes the same in the end"],
    ["test/operator/reconcile/cluster-memory.test.ts", "survive a write that breaks off in the middle"],
  ]),
  row(
    "L09",
    "the operator restarts with a thousand proxies",
    "spread, soon over, and nothing changes",
    [
      [at.ads, "sends nothing to a client that comes back with the versions it has, and only what differs otherwise"],
      [at.streams, "ends streams that are old, not all at the same time"],
      [at.auth, "asks the API server no faster than it may; the rest waits, and no more than so many"],
    ],
    "a thousand at once are measured by bench/control-plane, not tested",
  ),
  row("L10", "one proxy refuses what it is sent", "it keeps the last good; others go on; no circle", [
    [at.faults, "L10: a proxy that refuses everything is counted and not asked in a circle; others go on"],
    [at.ads, "sends the resources of a refused answer one by one, so that only the bad one stays refused"],
    [at.envoy, "keeps the last good route of a refused one, and does not keep back what came with it"],
  ]),
  row(
    "L11",
    "what is good for us is refused by another Envoy",
    "the last good stays in force",
    [
      [at.envoy, "keeps the last good route of a refused one, and does not keep back what came with it"],
      ["test/operator/translate/golden.test.ts", "Envoy's own validation"],
    ],
    "no proxy is tried first: a refused resource stays away from all that refuse it, and its last good form serves",
  ),
  row("L12", "a stream is cut in the middle; odd nonces; versions after a restart", "nothing is taken away", [
    [at.ads, "ignores an answer to a nonce that is not the outstanding one"],
    [at.envoy, "goes on serving while the server is away, and gets only what changed when it is back"],
    [
      "test/operator/reconcile/groups.test.ts",
      "holds back what would take most ports away, until it was wanted for a while",
    ],
  ]),
  row(
    "L13",
    "the webhook's certificate has expired, is another's, is exchanged twice",
    "pods elsewhere do not notice",
    [
      [at.webhook, "goes on with another certificate of its authority"],
      [at.webhook, "does as the install says where the certificate is another authority's, and elsewhere nothing"],
      [at.certificates, "renews a certificate at two thirds of its life and after it ended, and tells its servers"],
      ["test/operator/inject/webhook.test.ts", "takes another certificate over while connections stay"],
    ],
  ),
  row("L14", "the webhook is down", "pods elsewhere do not notice; the own namespace neither", [
    [at.chart, "lets pods start while no operator answers, as failurePolicy Ignore says"],
    [at.chart, "refuses pods that cannot be protected once failurePolicy is Fail, and no others"],
    ["test/operator/inject/inject.test.ts", "never injects into its own or the system's namespaces"],
  ]),
  row("L15", "the operator's namespace or the kinds are deleted", "what is in force stays until pods restart", [
    [at.faults, "L15, J30: the kinds are deleted with every policy in them: proxies keep what they have"],
    [at.faults, "L15: the install's namespace is deleted: traffic does not notice, and another install takes over"],
    [at.uninstall, "is uninstalled: pods start again without a sidecar, what runs keeps refusing, policies stay"],
  ]),
  row(
    "L16",
    "a Secret is exchanged, deleted, made anew",
    "healed",
    [
      [at.faults, "L16: the key by which proxies prove themselves is deleted and made anew"],
      [at.certificates, "heals a Secret that was deleted, or that holds the certificate of another authority"],
      [at.tenants, "J10: what the operator wrote and somebody changed or deleted is as before within ten seconds"],
    ],
    "keys of callers come from no Secret in this version",
  ),
  row("L17", "the API server throttles, or fails every tenth request", "backed off; not asked in a circle", [
    [at.faults, "L17: an API server that fails every tenth request at random is asked no more than before"],
    [at.wire, "L17: stays with the server, and asks at most five times a second"],
  ]),
  row(
    "L18",
    "somebody fights for what the operator writes",
    "fields have owners; writes are bounded",
    [
      [
        at.faults,
        "L18: somebody who changes what the operator writes, each time anew, does not make it write without end",
      ],
      ["test/contract/kube-client.ts", "refuses what somebody else owns, naming who, and takes it over when forced"],
    ],
    "the operator goes on at a bounded pace instead of giving up after five rounds",
  ),
  row(
    "L19",
    "five thousand namespaces, twenty thousand policies, ten thousand pods",
    "paged, bounded",
    [
      [at.reflector, "reads a list page by page, and all of it in one piece when a page has expired"],
      ["test/operator/reconcile/excess.test.ts", "refuses texts that are longer together than is remembered"],
    ],
    "the full size is measured by bench/control-plane, not tested",
  ),
  row(
    "L20",
    "a proxy that is older than it may be",
    "flagged",
    [],
    "proxies come from the install's own image; no floor is checked yet",
  ),
  row("L21", "the operator is upgraded and taken back under traffic", "no failed request", [
    [at.uninstall, "is upgraded under load: no request fails and nothing denied gets through"],
    [at.chart, "can go back to the release before"],
  ]),
  row("L22", "the authority is exchanged with a thousand proxies connected", "both are believed; none is cut off", [
    [at.certificates, "replaces its authority with both believed, the old one signing until the new one is known"],
    [plan, "has no client meet a certificate that it cannot check, whenever anybody looks"],
    ["test/platform/grpc-tls.test.ts", "takes another certificate while it runs; open streams go on"],
  ]),
];
