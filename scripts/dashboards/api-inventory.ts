import { lines, metric, note, number, rate, type Dashboard } from "./grafana.ts";

const apis = (suffix = ""): string => `count by (api) (${metric("picket_api_responses_total")}${suffix})`;

export const apiInventory: Dashboard = {
  uid: "picket-api-inventory",
  title: "API inventory",
  description: "Which APIs there are, how much they are used and how they answer.",
  rows: [
    {
      title: "What is there?",
      panels: [
        number({
          title: "APIs with traffic",
          description: "Workloads that answered since the scorers started.",
          unit: "short",
          targets: [{ expression: `count(${apis()})`, legend: "APIs" }],
          width: 8,
        }),
        number({
          title: "New since yesterday",
          description: "Workloads with traffic now that had none a day ago.",
          unit: "short",
          targets: [{ expression: `count(${apis()} unless ${apis(" offset 1d")}) or vector(0)`, legend: "APIs" }],
          width: 8,
        }),
        number({
          title: "Counted together",
          description: "Names beyond the bound of a metric, counted under `_other`.",
          unit: "cps",
          targets: [{ expression: rate("picket_label_overflow_total", [], 'family="api"'), legend: "names" }],
          thresholds: { warning: 0.000001 },
          width: 8,
        }),
      ],
    },
    {
      title: "How is it used?",
      panels: [
        lines({
          title: "Busiest APIs",
          description: "Answers by workload, the ten with the most.",
          unit: "reqps",
          targets: [{ expression: `topk(10, ${rate("picket_api_responses_total", ["api"])})`, legend: "{{api}}" }],
          stacked: true,
        }),
        lines({
          title: "Answers by class",
          description: "Status of all answers, of applications and of Picket.",
          unit: "reqps",
          targets: [{ expression: rate("picket_api_responses_total", ["code_class"]), legend: "{{code_class}}" }],
          stacked: true,
        }),
        lines({
          title: "Server errors by API",
          description: "Share of answers with a status of 500 and above.",
          unit: "percentunit",
          targets: [
            {
              expression: `topk(10, ${rate("picket_api_responses_total", ["api"], 'code_class="5xx"')} / ${rate("picket_api_responses_total", ["api"])})`,
              legend: "{{api}}",
            },
          ],
        }),
        lines({
          title: "Connections that ended without an answer",
          description: "Callers that went away, or connections that broke.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_api_responses_total", ["api"], 'code_class="none"')})`,
              legend: "{{api}}",
            },
          ],
        }),
        note(
          "To come",
          "Operations by state (documented, shadow, zombie, orphan, broken, new) and consumers by API come with the inventory of analytics. Paths are never metric labels.",
        ),
      ],
    },
  ],
};
