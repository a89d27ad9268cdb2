import { lines, metric, note, number, rate, type Dashboard } from "./grafana.ts";

const refusals = 'verdict=~"deny|challenge|throttle"';

export const overview: Dashboard = {
  uid: "picket-overview",
  title: "Overview",
  description: "Is anything wrong now, and what does Picket decide?",
  rows: [
    {
      title: "Is anything wrong now?",
      panels: [
        number({
          title: "Scorers",
          description: "Scorers that answer. Two are the least for production; without any, the failure mode decides.",
          unit: "short",
          targets: [{ expression: `count(${metric("picket_build_info", 'component="scorer"')})`, legend: "scorers" }],
          thresholds: { warning: 1, goodFrom: 2 },
        }),
        number({
          title: "Operators",
          description: "Operators that answer. Running traffic needs none; changes and new pods do.",
          unit: "short",
          targets: [
            { expression: `count(${metric("picket_build_info", 'component="operator"')})`, legend: "operators" },
          ],
          thresholds: { warning: 1, goodFrom: 2 },
        }),
        number({
          title: "Proxies behind or refusing",
          description: "Proxies that do not run what is published. They go on with the last configuration.",
          unit: "short",
          targets: [
            {
              expression: `sum(${metric("picket_sidecars", 'state=~"stale|rejected"')})`,
              legend: "proxies",
            },
          ],
          thresholds: { warning: 1 },
        }),
        number({
          title: "Decided without a scorer",
          description: "Share of decisions that a proxy made by the failure mode, allowed or refused.",
          unit: "percentunit",
          targets: [
            {
              expression: `${rate("picket_fallbacks_total", [])} / ${rate("picket_decisions_total", [])}`,
              legend: "share",
            },
          ],
          thresholds: { warning: 0.001, bad: 0.01 },
        }),
        number({
          title: "Closed workloads",
          description: "Workloads that answer 503 to everybody on purpose.",
          unit: "short",
          targets: [{ expression: `sum(max by (reason) (${metric("picket_workloads_closed")}))`, legend: "workloads" }],
          thresholds: { bad: 1 },
        }),
        number({
          title: "Policies not accepted",
          description: "Policies that are invalid, in conflict or without target. Their last valid generation stays.",
          unit: "short",
          targets: [
            {
              expression: `sum(max by (condition, mode) (${metric("picket_policies", 'condition!="accepted"')})) or vector(0)`,
              legend: "policies",
            },
          ],
          thresholds: { warning: 1 },
        }),
      ],
    },
    {
      title: "What is decided?",
      panels: [
        lines({
          title: "Enforced verdicts",
          description: "Decisions of enforcing policies by verdict.",
          unit: "reqps",
          targets: [
            { expression: rate("picket_decisions_total", ["verdict"], 'mode="enforce"'), legend: "{{verdict}}" },
          ],
          stacked: true,
        }),
        lines({
          title: "What Shadow would refuse",
          description: "Verdicts that were not acted on, by policy: what enforcing it would change.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_shadow_verdicts_total", ["policy_namespace", "policy", "verdict"])})`,
              legend: "{{policy_namespace}}/{{policy}} {{verdict}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Who refuses, and why?",
      panels: [
        lines({
          title: "Policies that refuse most",
          description: "Refusals of enforcing policies, the ten with the most.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_decisions_total", ["policy_namespace", "policy"], 'mode="enforce"', refusals)})`,
              legend: "{{policy_namespace}}/{{policy}}",
            },
          ],
        }),
        lines({
          title: "Reasons of refusals",
          description: "Why requests were refused; `picket explain REASON` says what would change it.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_decision_reasons_total", ["reason"], 'verdict!="allow"')})`,
              legend: "{{reason}}",
            },
          ],
        }),
      ],
    },
    {
      title: "What do callers get?",
      panels: [
        lines({
          title: "Answers by class",
          description: "Status of all answers to callers, of applications and of Picket.",
          unit: "reqps",
          targets: [{ expression: rate("picket_api_responses_total", ["code_class"]), legend: "{{code_class}}" }],
          stacked: true,
        }),
        lines({
          title: "Workloads with the most server errors",
          description: "Share of answers with a status of 500 and above.",
          unit: "percentunit",
          targets: [
            {
              expression: `topk(10, ${rate("picket_api_responses_total", ["api"], 'code_class="5xx"')} / ${rate("picket_api_responses_total", ["api"])})`,
              legend: "{{api}}",
            },
          ],
        }),
        note(
          "To come",
          "Campaigns and scores are shown here once analytics and models run. Dashboards of this set: **Decision path**, **Account protection**, **API inventory**, **Models**, **Operator**; the list of metrics is `docs/reference/metrics.md`, the alerts have a page each in `docs/runbooks`.",
        ),
      ],
    },
  ],
};
