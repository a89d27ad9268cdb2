import { lines, metric, number, percentiles, quantile, rate, type Dashboard } from "./grafana.ts";

export const operator: Dashboard = {
  uid: "picket-operator",
  title: "Operator",
  description: "Whether what people wrote becomes what runs.",
  rows: [
    {
      title: "Does everything run what is published?",
      panels: [
        lines({
          title: "Proxies by state",
          description: "`stale` for moments after a change only; `rejected` never.",
          unit: "short",
          targets: [{ expression: `sum by (state) (${metric("picket_sidecars")})`, legend: "{{state}}" }],
          stacked: true,
        }),
        lines({
          title: "Scorers by state",
          description: "A scorer that refuses a policy keeps its last one.",
          unit: "short",
          targets: [{ expression: `sum by (state) (${metric("picket_scorers")})`, legend: "{{state}}" }],
          stacked: true,
        }),
        lines({
          title: "Configuration answers",
          description: "What was sent, accepted and rejected, by type.",
          unit: "cps",
          targets: [
            { expression: rate("picket_xds_answers_total", ["type", "result"]), legend: "{{type}} {{result}}" },
          ],
        }),
        lines({
          title: "Accepted and rejected",
          description: "Configurations that proxies and scorers took over or refused.",
          unit: "cps",
          targets: [{ expression: rate("picket_config_applies_total", ["result"]), legend: "{{result}}" }],
        }),
      ],
    },
    {
      title: "Is what people wrote good?",
      panels: [
        lines({
          title: "Policies by condition and mode",
          description: "Everything but `accepted` needs somebody: `picket status`.",
          unit: "short",
          targets: [
            {
              expression: `max by (condition, mode) (${metric("picket_policies")})`,
              legend: "{{condition}} {{mode}}",
            },
          ],
          stacked: true,
        }),
        number({
          title: "Problems in objects",
          description: "Problems that `picket status` lists.",
          unit: "short",
          targets: [{ expression: `max(${metric("picket_object_problems")})`, legend: "problems" }],
          thresholds: { warning: 1 },
        }),
        number({
          title: "Unproven workloads",
          description: "Enforced workloads of which no request has shown yet that it is judged.",
          unit: "short",
          targets: [{ expression: `max(${metric("picket_workloads_unproven")})`, legend: "workloads" }],
          thresholds: { warning: 1 },
        }),
        number({
          title: "Canaries answered by applications",
          description: "Picket's own probes that reached an application. Must be 0.",
          unit: "short",
          targets: [
            {
              expression: `sum(increase(${metric("picket_canary_failures_total")}[$__range]))`,
              legend: "probes",
            },
          ],
          thresholds: { bad: 1 },
        }),
        lines({
          title: "Closed workloads",
          description: "They answer 503 to everybody, by cause.",
          unit: "short",
          targets: [{ expression: `max by (reason) (${metric("picket_workloads_closed")})`, legend: "{{reason}}" }],
        }),
      ],
    },
    {
      title: "Is every pod protected?",
      panels: [
        lines({
          title: "Pods without protection",
          description: "Pods that should have a proxy and have none that works; `picket check --proxy` names them.",
          unit: "short",
          targets: [{ expression: `max by (reason) (${metric("picket_unprotected_pods")})`, legend: "{{reason}}" }],
        }),
        lines({
          title: "Injection",
          description: "Pods that the webhook was asked about, by what became of them.",
          unit: "cps",
          targets: [{ expression: rate("picket_injections_total", ["result"]), legend: "{{result}}" }],
        }),
      ],
    },
    {
      title: "Does the operator keep up?",
      panels: [
        lines({
          title: "Silence of the API server",
          description: "Time since an operator last heard of a resource; a healthy one hears about every minute.",
          unit: "s",
          targets: [
            {
              expression: `max by (instance) (${metric("picket_kube_contact_age_seconds")})`,
              legend: "{{instance}}",
            },
          ],
        }),
        lines({
          title: "Work that waits",
          description: "Keys in the queues of controllers. Falls back to nothing after each change.",
          unit: "short",
          targets: [
            {
              expression: `sum by (controller) (${metric("picket_workqueue_depth")})`,
              legend: "{{controller}}",
            },
          ],
        }),
        lines({
          title: "Runs of reconcilers",
          description: "By result; `fault` is a bug.",
          unit: "cps",
          targets: [
            {
              expression: rate("picket_reconciles_total", ["controller", "result"]),
              legend: "{{controller}} {{result}}",
            },
          ],
        }),
        lines({
          title: "Time of a run",
          description: "From reading the objects to publishing.",
          unit: "s",
          targets: percentiles("picket_reconcile_duration_seconds"),
        }),
        lines({
          title: "From published to running",
          description: "What people feel after `kubectl apply`.",
          unit: "s",
          targets: [
            { expression: quantile(0.5, "picket_config_propagation_seconds"), legend: "p50" },
            { expression: quantile(0.99, "picket_config_propagation_seconds"), legend: "p99" },
          ],
        }),
        lines({
          title: "Connected clients",
          description: "Proxies and scorers by operator replica.",
          unit: "short",
          targets: [
            {
              expression: `sum by (group, instance) (${metric("picket_xds_clients")})`,
              legend: "{{group}} {{instance}}",
            },
          ],
          stacked: true,
        }),
        lines({
          title: "Refused streams and requests",
          description: "Clients that were not served, by cause; `node` and `type`: somebody asks who should not.",
          unit: "cps",
          targets: [{ expression: rate("picket_xds_refusals_total", ["cause"]), legend: "{{cause}}" }],
        }),
        lines({
          title: "Faults",
          description: "Faults that nobody caught.",
          unit: "cps",
          targets: [{ expression: rate("picket_faults_total", ["instance"]), legend: "{{instance}}" }],
        }),
        lines({
          title: "Life left of certificates",
          description: "Renewed after two thirds of their life; `picket check` looks at the same from outside.",
          unit: "s",
          targets: [
            {
              expression: `min by (certificate) (${metric("picket_certificate_expiry_timestamp_seconds")} > 0) - time()`,
              legend: "{{certificate}}",
            },
          ],
        }),
      ],
    },
  ],
};
