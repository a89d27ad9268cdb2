import { lines, metric, note, type Dashboard } from "./grafana.ts";

export const models: Dashboard = {
  uid: "picket-models",
  title: "Models",
  description: "Which models score, how well, and how they differ from what they would replace.",
  rows: [
    {
      title: "What runs?",
      panels: [
        note(
          "To come",
          "This version scores no request by a model. Scores, versions, age, drift and the disagreement of a candidate with the live model are shown here once models run; until then this page shows the scorers that would run them.",
        ),
        {
          type: "table",
          title: "Scorers by version",
          description: "Different versions side by side are normal during a rollout only.",
          unit: "short",
          targets: [
            {
              expression: `count by (version) (${metric("picket_build_info", 'component="scorer"')})`,
              legend: "{{version}}",
            },
          ],
        },
        lines({
          title: "Memory that state takes",
          description: "What scorers hold in bounded tables today; baselines of models will be part of it.",
          unit: "bytes",
          targets: [
            {
              expression: `sum by (kind, instance) (${metric("picket_state_bytes")})`,
              legend: "{{kind}} {{instance}}",
            },
          ],
        }),
      ],
    },
  ],
};
