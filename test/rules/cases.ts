/** One alert: series over which it fires with this description, and series over which it must stay silent. */
export interface AlertCase {
  readonly alert: string;
  readonly fires: Situation & {
    /** Labels beside `alertname` and `severity`. */
    readonly labels?: Readonly<Record<string, string>>;
    readonly description: string;
  };
  readonly quiet: Situation;
}

export interface Situation {
  readonly name: string;
  /** Series and their values, one a minute, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** Minutes after the start at which one looks. */
  readonly atMinutes: number;
}

const decisions = (verdict: string): string =>
  `picket_decisions_total{policy_namespace="bank",policy="accounts",mode="enforce",verdict="${verdict}"}`;
const bucket = (le: string): string => `picket_decision_duration_seconds_bucket{le="${le}"}`;

/** Every alert once. A test compares the list with the rules both ways. */
export const alertCases: readonly AlertCase[] = [
  {
    alert: "PicketScorerDown",
    fires: {
      name: "the last scorer stops answering",
      series: { 'picket_build_info{component="scorer",version="1"}': "1 1 stale" },
      atMinutes: 4,
      labels: { component: "scorer" },
      description:
        "No scorer has answered a scrape for a minute. Protected workloads answer by the failure mode of their policies: 503 where failure.decision is Deny, unjudged requests where it is Allow.",
    },
    quiet: {
      name: "one of two scorers stops answering",
      series: {
        'picket_build_info{component="scorer",version="1",instance="a"}': "1 1 stale",
        'picket_build_info{component="scorer",version="1",instance="b"}': "1x10",
      },
      atMinutes: 8,
    },
  },
  {
    alert: "PicketFallbackActive",
    fires: {
      name: "two requests in a hundred pass unjudged",
      series: {
        'picket_fallbacks_total{fallback="allow"}': "0+120x15",
        'picket_fallbacks_total{fallback="deny"}': "0x15",
        [decisions("allow")]: "0+6000x15",
      },
      atMinutes: 12,
      labels: { fallback: "allow" },
      description:
        "2% of decisions in 5 minutes were made by a proxy without an answer of a scorer. What it did: allow.",
    },
    quiet: {
      name: "one in a thousand is refused for lack of an answer",
      series: { 'picket_fallbacks_total{fallback="deny"}': "0+6x15", [decisions("allow")]: "0+6000x15" },
      atMinutes: 12,
    },
  },
  {
    alert: "PicketDecisionSlow",
    fires: {
      name: "two decisions in a hundred take more than 10 ms, up to 50",
      series: { [bucket("0.01")]: "0+980x20", [bucket("0.05")]: "0+1000x20", [bucket("+Inf")]: "0+1000x20" },
      atMinutes: 18,
      description: "One decision in a hundred takes longer than 30ms inside the scorer, for ten minutes now.",
    },
    quiet: {
      name: "all decisions take less than 1 ms",
      series: { [bucket("0.001")]: "0+1000x20", [bucket("0.05")]: "0+1000x20", [bucket("+Inf")]: "0+1000x20" },
      atMinutes: 18,
    },
  },
  {
    alert: "PicketScorerFaults",
    fires: {
      name: "one fault a second",
      series: { 'picket_decision_errors_total{stage="check"}': "0+60x15" },
      atMinutes: 12,
      labels: { stage: "check" },
      description: "Faults a second in stage check: 1. Each request concerned was answered by the failure mode.",
    },
    quiet: {
      name: "one fault long ago",
      series: { 'picket_decision_errors_total{stage="check"}': "0 1x20" },
      atMinutes: 15,
    },
  },
  {
    alert: "PicketDenyRatioJump",
    fires: {
      name: "a hundredth was refused for hours, now it is half",
      series: { [decisions("allow")]: "0+594x240 142860+300x40", [decisions("deny")]: "0+6x240 1740+300x40" },
      atMinutes: 265,
      labels: { policy_namespace: "bank", policy: "accounts" },
      description:
        "50% of the requests under policy bank/accounts are refused, more than three times the share of its last day. A bad rollout, or an attack.",
    },
    quiet: {
      name: "a tenth is refused all day",
      series: { [decisions("allow")]: "0+540x280", [decisions("deny")]: "0+60x280" },
      atMinutes: 265,
    },
  },
  {
    alert: "PicketEventsDropped",
    fires: {
      name: "two decisions a second are not written",
      series: { picket_decision_log_dropped_total: "0+120x30" },
      atMinutes: 25,
      description: "Decisions a second that are not written since the queue is full or the disk refuses: 2.",
    },
    quiet: {
      name: "some were dropped in one minute",
      series: { picket_decision_log_dropped_total: "0 0 500x40" },
      atMinutes: 35,
    },
  },
  {
    alert: "PicketLabelOverflow",
    fires: {
      name: "policies beyond the bound",
      series: { 'picket_label_overflow_total{family="policy"}': "0+1x80" },
      atMinutes: 78,
      labels: { family: "policy" },
      description: "Values of policy beyond the bound are counted under _other.",
    },
    quiet: { name: "none", series: { 'picket_label_overflow_total{family="policy"}': "0x80" }, atMinutes: 78 },
  },
  {
    alert: "PicketOperatorDown",
    fires: {
      name: "the last operator stops answering",
      series: { 'picket_build_info{component="operator",version="1"}': "1 1 stale" },
      atMinutes: 14,
      labels: { component: "operator" },
      description:
        "No operator has answered a scrape for ten minutes. Running traffic keeps its last policies; changes and new pods get none.",
    },
    quiet: {
      name: "it is replaced within minutes",
      series: { 'picket_build_info{component="operator",version="1"}': "1 1 _ _ _ _ 1x20" },
      atMinutes: 20,
    },
  },
  {
    alert: "PicketScorerWithoutOperator",
    fires: {
      name: "one of two scorers is cut off",
      series: {
        'picket_operator_connected{instance="a"}': "0x20",
        'picket_operator_connected{instance="b"}': "1x20",
      },
      atMinutes: 15,
      labels: { instance: "a" },
      description:
        "The scorer at a has not been connected to the operator for ten minutes. Its last policies stay in force.",
    },
    quiet: {
      name: "the operator was away for some minutes",
      series: { 'picket_operator_connected{instance="a"}': "1 0 0 0 0 1x20" },
      atMinutes: 15,
    },
  },
  {
    alert: "PicketConfigStale",
    fires: {
      name: "two proxies stay behind",
      series: { 'picket_sidecars{state="stale"}': "2x10", 'picket_scorers{state="stale"}': "0x10" },
      atMinutes: 8,
      labels: { client: "proxies" },
      description: "Of the proxies, 2 have been behind the published configuration for five minutes.",
    },
    quiet: {
      name: "all are behind while a change is taken over",
      series: { 'picket_sidecars{state="stale"}': "0 50 0x10", 'picket_scorers{state="stale"}': "0 2 0x10" },
      atMinutes: 8,
    },
  },
  {
    alert: "PicketProxiesRejected",
    fires: {
      name: "a scorer refuses a policy",
      series: { 'picket_sidecars{state="rejected"}': "0x10", 'picket_scorers{state="rejected"}': "1x10" },
      atMinutes: 8,
      labels: { client: "scorers" },
      description: "Of the scorers, 1 refuse their configuration and keep the last one.",
    },
    quiet: {
      name: "nobody refuses anything",
      series: { 'picket_sidecars{state="rejected"}': "0x10", 'picket_sidecars{state="synced"}': "40x10" },
      atMinutes: 8,
    },
  },
  {
    alert: "PicketPolicyRejected",
    fires: {
      name: "two replicas tell of the same invalid policies",
      series: {
        'picket_policies{condition="invalid",mode="none",instance="a"}': "2x30",
        'picket_policies{condition="invalid",mode="none",instance="b"}': "2x30",
      },
      atMinutes: 20,
      labels: { condition: "invalid" },
      description:
        "Of the policies, 2 are invalid. What they last said validly stays in force; one that was never valid enforces nothing.",
    },
    quiet: {
      name: "policies are accepted, and one was invalid for some minutes",
      series: {
        'picket_policies{condition="accepted",mode="enforce"}': "5x30",
        'picket_policies{condition="invalid",mode="none"}': "1x10 stale",
      },
      atMinutes: 25,
    },
  },
  {
    alert: "PicketWorkloadClosed",
    fires: {
      name: "a workload is closed",
      series: { 'picket_workloads_closed{reason="canary-failed"}': "1x10" },
      atMinutes: 5,
      labels: { reason: "canary-failed" },
      description: "Closed workloads: 1, cause: canary-failed.",
    },
    quiet: {
      name: "none is",
      series: { 'picket_workloads_closed{reason="bad-object"}': "0x10" },
      atMinutes: 5,
    },
  },
  {
    alert: "PicketWorkloadUnproven",
    fires: {
      name: "one workload does not answer the probe",
      series: { picket_workloads_unproven: "1x30" },
      atMinutes: 20,
      description: "Enforced workloads that have not answered Picket's own probe for 15 minutes: 1.",
    },
    quiet: {
      name: "each is proven shortly after a change",
      series: { picket_workloads_unproven: "0 3 0x28" },
      atMinutes: 20,
    },
  },
  {
    alert: "PicketCanaryFailed",
    fires: {
      name: "an application answers the probe",
      series: { picket_canary_failures_total: "0x14 3x10" },
      atMinutes: 16,
      description: "Picket's own probes that reached an application within 15 minutes: 3.",
    },
    quiet: { name: "it never did", series: { picket_canary_failures_total: "2x40" }, atMinutes: 30 },
  },
  {
    alert: "PicketOperatorFaults",
    fires: {
      name: "every run of the reconciler ends in a fault",
      series: { 'picket_reconciles_total{controller="policies",result="fault"}': "0+60x30" },
      atMinutes: 25,
      description: "Faults a second, for ten minutes now: 1.",
    },
    quiet: {
      name: "runs end well",
      series: {
        'picket_reconciles_total{controller="policies",result="done"}': "0+60x30",
        picket_faults_total: "0x30",
      },
      atMinutes: 25,
    },
  },
  {
    alert: "PicketUnprotectedPods",
    fires: {
      name: "the same three pods started before injection, as two replicas tell",
      series: {
        'picket_unprotected_pods{reason="missed",instance="a"}': "3x20",
        'picket_unprotected_pods{reason="missed",instance="b"}': "3x20",
      },
      atMinutes: 15,
      labels: { reason: "missed" },
      description: "Pods without protection: 3, reason: missed.",
    },
    quiet: {
      name: "they are replaced within minutes",
      series: { 'picket_unprotected_pods{reason="missed"}': "3x5 0x20" },
      atMinutes: 20,
    },
  },
  {
    alert: "PicketInjectionFailing",
    fires: {
      name: "one question a second ends in a fault",
      series: { 'picket_injections_total{result="failed"}': "0+60x30" },
      atMinutes: 25,
      description:
        "Questions of the API server that ended in a fault, a second: 1. Each pod was refused or left without a proxy, as injection.failurePolicy says.",
    },
    quiet: {
      name: "pods are injected, skipped and refused",
      series: {
        'picket_injections_total{result="injected"}': "0+60x30",
        'picket_injections_total{result="refused"}': "0+60x30",
      },
      atMinutes: 25,
    },
  },
  {
    alert: "PicketClientsTurnedAway",
    fires: {
      name: "tokens are refused again and again",
      series: { 'picket_xds_identities_total{result="token-refused"}': "0+60x40" },
      atMinutes: 30,
      labels: { result: "token-refused" },
      description:
        "Clients turned away a second: 1, because token-refused. Their pods get no configuration, or somebody asks who should not.",
    },
    quiet: {
      name: "known ones come and some wait for their turn",
      series: {
        'picket_xds_identities_total{result="known"}': "0+60x40",
        'picket_xds_identities_total{result="busy"}': "0+60x40",
      },
      atMinutes: 30,
    },
  },
  {
    alert: "PicketApiServerStale",
    fires: {
      name: "one operator hears nothing any more",
      series: {
        'picket_kube_contact_age_seconds{resource="pods",instance="a"}': "0+60x20",
        'picket_kube_contact_age_seconds{resource="pods",instance="b"}': "30x20",
      },
      atMinutes: 12,
      labels: { instance: "a" },
      description:
        "The operator at a last heard from the API server 12m 0s ago. Changes are not taken over there; what is in force stays.",
    },
    quiet: {
      name: "the API server was away for four minutes",
      series: { 'picket_kube_contact_age_seconds{resource="pods",instance="a"}': "0+60x4 10x20" },
      atMinutes: 20,
    },
  },
  {
    alert: "PicketNoLeader",
    fires: {
      name: "neither of two operators leads",
      series: {
        'picket_leader{instance="a"}': "0x10",
        'picket_leader{instance="b"}': "0x10",
        'picket_kube_objects{resource="pods",instance="a"}': "7x10",
      },
      atMinutes: 8,
      description:
        "For five minutes no operator has held the lease: no status is written, and no certificate is renewed. Traffic and changes of policies are not concerned.",
    },
    quiet: {
      name: "the other one takes over",
      series: {
        'picket_kube_objects{resource="pods",instance="a"}': "7x10",
        'picket_leader{instance="a"}': "1 1 0x10",
        'picket_leader{instance="b"}': "0 0 0 1x10",
      },
      atMinutes: 10,
    },
  },
  {
    alert: "PicketCertificateExpiring",
    fires: {
      name: "three days are left",
      // The test begins at second 0.
      series: {
        'picket_certificate_expiry_timestamp_seconds{certificate="scorer"}': "260400x30",
        'picket_certificate_expiry_timestamp_seconds{certificate="authority"}': "9999999x30",
      },
      atMinutes: 20,
      labels: { certificate: "scorer" },
      description:
        "The certificate of the scorer ends in 3d 0h 0m 0s. It should have been renewed after two thirds of its life.",
    },
    quiet: {
      name: "a month is left, and one is not known yet",
      series: {
        'picket_certificate_expiry_timestamp_seconds{certificate="scorer"}': "2592000x30",
        'picket_certificate_expiry_timestamp_seconds{certificate="operator"}': "0x30",
      },
      atMinutes: 20,
    },
  },
  {
    alert: "PicketKeysStale",
    fires: {
      name: "no fetch has worked for three hours",
      series: {
        'picket_jwks_age_seconds{provider="bank/bank"}': "0+60x200",
        'picket_jwks_age_seconds{provider="bank/partners"}': "300x200",
      },
      atMinutes: 180,
      labels: { provider: "bank/bank" },
      description:
        "The keys of bank/bank are 3h 0m 0s old. From failure.keysMaxStale of a policy on, 24 hours by default, every credential of that issuer is refused.",
    },
    quiet: {
      name: "an issuer was away for an hour",
      series: { 'picket_jwks_age_seconds{provider="bank/bank"}': "0+60x60 0+60x10" },
      atMinutes: 70,
    },
  },
];
