import { at, golden, row, type ClusterVector } from "./vector.ts";

const effective = "test/core/policy/effective.test.ts";
const agreement = "test/crds/agreement.test.ts";
const mutations = "test/core/policy/parse-mutations.test.ts";

/** Group J: a tenant against the control plane. */
export const groupJ: readonly ClusterVector[] = [
  row("J01", "a policy for something in another namespace", "refused; nothing happens; no word on what is there", [
    [at.tenants, "J01: cannot name a workload elsewhere, and learns nothing of what is there"],
    [at.badObjects, "a target in another namespace"],
    [at.badObjects, '"another namespace"'],
  ]),
  row("J02", "a target by no label at all, or as wide as can be", "its own namespace and no more", [
    [at.tenants, "J02: reaches no further than its namespace with a selection of everything"],
  ]),
  row("J03", "two policies contradict", "a deny wins, then the older; both are told", [
    [at.enforcement, "obey the older of two policies that contradict, and the younger is told"],
    [effective, "lets the older of two policies of one level hold and reports the other"],
    ["test/core/policy/judge.test.ts", "never allows more after a deny rule is added"],
  ]),
  row("J04", "a policy that weakens one of an administrator", "not possible", [
    [at.enforcement, "obey a floor of the cluster that their own policy cannot loosen"],
    [effective, "takes the strictest mode and the smallest guard of floors, and never their mildness"],
    [effective, "never turns a refusal into an allow by adding a floor"],
  ]),
  row("J05", "a policy of a megabyte, ten thousand rules or paths", "refused by the API server", [
    [at.crds, "one more than the readers take"],
    [at.crds, "the largest policy that its bounds allow in the size of a request"],
    [agreement, "the size of every list and map"],
  ]),
  row("J06", "names with the meaning of a pattern", "compared as they are", [
    [at.tenants, "J06: characters of patterns in paths and names stand for themselves"],
  ]),
  row("J07", "the dearest conditions and expressions", "refused with a message about cost", [
    ["test/platform/cel.test.ts", "refuses what is nested too deeply without overflowing the stack"],
    ["test/core/expression/compile.test.ts", "gives every expression that compiles a cost within the limit"],
  ]),
  row(
    "J08",
    "an OpenAPI document that is a bomb",
    "refused quickly",
    [],
    "OpenAPI documents are not read in this version",
  ),
  row("J09", "somebody writes a status", "of no effect, and corrected", [
    [at.tenants, "J09: a status that somebody wrote is corrected, and opens nothing"],
    [at.crds, "never takes a status from whoever writes the object"],
  ]),
  row(
    "J10",
    "somebody edits or deletes what the operator wrote",
    "as before within ten seconds",
    [
      [at.tenants, "J10: what the operator wrote and somebody changed or deleted is as before within ten seconds"],
      [at.certificates, "puts an edited bundle right, in every namespace and in the webhook"],
      [at.certificates, "heals a Secret that was deleted, or that holds the certificate of another authority"],
      ["test/cluster/control-plane/injection-keeper.test.ts", "puts edits right"],
    ],
    "no event tells of it: the log does",
  ),
  row("J11", "owners and finalizers against our objects, or to hold a namespace", "neither works", [
    [at.tenants, "J11: owners and finalizers of a tenant neither take our objects away nor hold its namespace"],
  ]),
  row(
    "J12",
    "ten thousand policies in a minute",
    "others are not held up",
    [
      [at.tenants, "J12: thousands of policies in a minute do not hold others up"],
      ["test/operator/reconcile/excess.test.ts", "refuses one object more, and says how many are only kept"],
    ],
    "a thousand here, as fast as the API server of a small machine takes them",
  ),
  row("J13", "a policy comes and goes fifty times a second", "followed at a bounded pace", [
    [at.tenants, "J13: a policy that comes and goes many times a second is followed at a bounded pace"],
  ]),
  row("J14", "names of 253 characters, names of properties of objects", "safe", [
    [at.tenants, "J14: names that mean something to a program mean nothing here"],
    ["test/core/policy/parse.test.ts", "treats names of object properties as names like any other"],
    golden("odd-names", "kind: injected"),
  ]),
  row(
    "J15",
    "unknown fields, an older version, missing defaults",
    "strict",
    [
      [at.crds, "says with strict and with lenient clients what is unknown"],
      ["test/crds/schema.test.ts", "keep in spec what they do not know and what has no value"],
      [agreement, "an object that demands nothing"],
    ],
    "there is one version of the kinds, so nothing is converted",
  ),
  row("J16", "every optional field absent, null or empty, one at a time", "an error of that object alone", [
    [mutations, "never throws and always answers, whatever stands anywhere"],
    [at.crds, "agrees with the readers about objects in which anything may stand anywhere"],
    ["test/operator/reconcile/settle.test.ts", "keeps the last good generation of a bad object and only of that"],
  ]),
  row("J17", "an address of keys that leads to the API server, metadata, loopback, the operator", "refused", [
    ["test/operator/keys/destination.test.ts", "are public ones only, unless the install says otherwise"],
    ["test/operator/keys/destination.test.ts", "are never those of the cluster's own API, in any spelling"],
  ]),
  row("J18", "a name outside that resolves to an address inside", "refused when it is dialled", [
    ["test/operator/keys/fetch-key-set.test.ts", "whose name has a good address and a bad one"],
    ["test/operator/keys/fetch-key-set.test.ts", "connects to the address that was checked"],
  ]),
  row("J19", "a hostile model", "refused; the last one stays", [], "there are no models in this version"),
  row(
    "J20",
    "an annotation or label of a pod switches injection off or asks for less",
    "only as the namespace allows",
    [
      golden("excluded-not-allowed", "reason: exclude-not-allowed"),
      golden("capture-unknown", "reason: bad-annotation"),
      [at.tenants, "J20: a pod that is relabelled while it runs obeys every policy to come"],
      [at.unprotected, "a pod that opted out of a policy"],
    ],
    "a pod may opt out and may ask for Port mode, by design: an opted-out pod with a policy is counted and told of",
  ),
  row("J21", "texts with line ends, escapes, markup, templates", "escaped wherever they come out", [
    [at.tenants, "J21: texts with escapes, markup and templates come out of status, events and logs as they must"],
    ["test/platform/log.test.ts", "keeps one event on one line and bounded, whatever the text"],
  ]),
  row("J22", "a policy that switches the filter off for a route or a share of requests", "there is no such field", [
    [at.badObjects, "a field that is misspelt"],
    ["test/operator/translate/translate.test.ts", "never switches the closed instance off for a judged request"],
    ["test/operator/translate/translate.test.ts", "refuses a chain in which something stands behind the authz filters"],
  ]),
  row("J23", "a client of the configuration without a token, with another's name, asking for everything", "nothing", [
    [at.tenants, "I13, J23: who has no token gets no configuration"],
    [at.tokens, "let in the proxy of the pod that they are bound to, and nobody by its name"],
    [at.streams, "tells nobody of what is not of its group: neither to a wildcard nor to a name"],
  ]),
  row("J24", "ten thousand streams, storms of answers, huge names, none at all", "bounded; others do not notice", [
    [at.bounds, "ends streams beyond its bound at once, and takes new ones when some are gone"],
    [at.bounds, "keeps only so much of the name that a client gives itself"],
    [at.bounds, "ends a stream whose client has stopped reading for too long, and no other"],
    [at.streams, "ends a stream that asks and answers more often than it may"],
    [at.streams, "lets one address have only so many streams that say nothing"],
  ]),
  row("J25", "a review of a token without a pod, with odd audiences, with an error", "refused, no crash", [
    [at.auth, "refuses an answer of the API server that proves nothing"],
    [at.auth, "asks to come back while the API server gives no answer"],
    [at.tokens, "are refused without a pod, for the API server's own audience, and when they are damaged"],
  ]),
  row("J26", "odd questions at admission", "a correct answer with a message", [
    [at.review, "Vector J26: whatever comes, a correct answer with a message"],
    [at.review, "answers anything at all, and never with more rights than asked"],
    ["test/operator/inject/webhook.test.ts", "answers a review that is too large without keeping it"],
  ]),
  row("J27", "somebody else than the API server asks the webhook", "kept out by a NetworkPolicy, or learns nothing", [
    ["test/golden/chart/network-policy-narrow.yaml", "port: 15017"],
    ["test/operator/inject/webhook.test.ts", "serves nothing else"],
  ]),
  row("J28", "the operator's token is stolen", "good for what the operator does, and no more", [
    [at.tenants, "J28: the operator may do what it does, and does what it may; the scorer may do nothing"],
    [at.chart, "gives the operator no right to"],
    ["test/chart/rights.test.ts", "have no wildcard and nothing that leads to more rights"],
    ["test/chart/rights.test.ts", "show no Secret of the cluster, and in the own namespace those of Picket alone"],
  ]),
  row("J29", "values of the chart that break out of their place", "refused by the schema", [
    ["test/chart/refusals.test.ts", "refuses"],
    ["test/chart/values.test.ts", "is closed everywhere: no object of the schema takes a key that it does not name"],
    ["test/chart/schema.test.ts", "takes quantities, labels and digests as Kubernetes writes them"],
  ]),
  row(
    "J30",
    "kinds of another version, or taken away, with live proxies",
    "what is in force stays",
    [
      [at.faults, "L15, J30: the kinds are deleted with every policy in them: proxies keep what they have"],
      ["test/operator/provider/kubernetes/standing.test.ts", "keeps what went with its kind"],
    ],
    "there is one version of the kinds",
  ),
];
