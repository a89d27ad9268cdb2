/** The part of Grafana's dashboard model that Picket's dashboards use (schema 42, Grafana 12). */

/** Units by Grafana's own names. */
export type Unit = "short" | "reqps" | "cps" | "s" | "percentunit" | "bytes" | "none" | "bool_on_off";

export interface Target {
  readonly expression: string;
  /** How a series is named, such as `{{verdict}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly type: "timeseries" | "stat" | "heatmap" | "table" | "text";
  readonly title: string;
  /** What it shows and when to worry. */
  readonly description: string;
  readonly unit: Unit;
  readonly targets: readonly Target[];
  /** Columns of 24; 12 when left out, 4 for a stat, 24 for text. */
  readonly width?: number;
  /** Values from which on a stat is yellow and red. */
  readonly thresholds?: { readonly warning?: number; readonly bad?: number; readonly goodFrom?: number };
  /** Markdown of a text panel. */
  readonly text?: string;
  readonly stacked?: boolean;
}

/** One question and the panels that answer it. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Also the name of the file. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
}

/** A metric of the chosen jobs and instances, with further matchers. */
export function metric(name: string, ...matchers: readonly string[]): string {
  return `${name}{${['job=~"$job"', 'instance=~"$instance"', ...matchers].join(",")}}`;
}

/** How fast a counter grows, summed by labels. */
export function rate(name: string, by: readonly string[], ...matchers: readonly string[]): string {
  const group = by.length === 0 ? "" : ` by (${by.join(", ")})`;
  return `sum${group} (rate(${metric(name, ...matchers)}[$__rate_interval]))`;
}

/** A quantile of a histogram over all instances. */
export function quantile(share: number, name: string, ...matchers: readonly string[]): string {
  return `histogram_quantile(${share}, ${rate(`${name}_bucket`, ["le"], ...matchers)})`;
}

export const percentiles = (name: string, ...matchers: readonly string[]): readonly Target[] =>
  ([0.5, 0.95, 0.99] as const).map((share) => ({
    expression: quantile(share, name, ...matchers),
    legend: `p${share * 100}`,
  }));

type Shown = Omit<Panel, "type" | "text">;

export const lines = (panel: Shown): Panel => ({ type: "timeseries", ...panel });
export const number = (panel: Shown): Panel => ({ type: "stat", ...panel });
export const note = (title: string, text: string): Panel => ({
  type: "text",
  title,
  description: "About this dashboard.",
  unit: "none",
  targets: [],
  text,
});

const datasource = { type: "prometheus", uid: "${datasource}" };
const heights = { stat: 4, text: 4, timeseries: 8, heatmap: 8, table: 8 } as const;
const widths = { stat: 4, text: 24, timeseries: 12, heatmap: 12, table: 12 } as const;
const columns = 24;

/** The dashboard as Grafana imports it. The same input gives the same text. */
export function printDashboard(dashboard: Dashboard): string {
  return `${JSON.stringify(model(dashboard), undefined, 2)}\n`;
}

function model({ uid, title, description, rows }: Dashboard): unknown {
  let id = 0;
  let y = 0;
  const panels: unknown[] = [];
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { h: 1, w: columns, x: 0, y },
      panels: [],
    });
    y++;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const w = panel.width ?? widths[panel.type];
      if (x + w > columns) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push(panelModel(panel, ++id, { h: heights[panel.type], w, x, y }));
      x += w;
      height = Math.max(height, heights[panel.type]);
    }
    y += height;
  }
  return {
    uid,
    title: `Picket / ${title}`,
    description,
    tags: ["picket"],
    schemaVersion: 42,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [
      { type: "dashboards", title: "Picket", tags: ["picket"], asDropdown: true, includeVars: true, keepTime: true },
    ],
    templating: { list: variables() },
    panels,
  };
}

function variables(): readonly unknown[] {
  const labelValues = (name: string, label: string, query: string): unknown => ({
    name,
    label,
    type: "query",
    datasource,
    query: { query, refId: name },
    definition: query,
    // When the range of time changes.
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".+",
    current: { text: ["All"], value: ["$__all"] },
  });
  return [
    { name: "datasource", label: "Data source", type: "datasource", query: "prometheus", current: {} },
    labelValues("job", "Job", "label_values(picket_build_info, job)"),
    labelValues("instance", "Instance", 'label_values(picket_build_info{job=~"$job"}, instance)'),
  ];
}

function panelModel(panel: Panel, id: number, gridPos: unknown): unknown {
  const { type, title, description, unit, targets } = panel;
  const common = { id, type, title, description, gridPos };
  if (type === "text")
    return { ...common, transparent: true, options: { mode: "markdown", content: panel.text ?? "" } };
  return {
    ...common,
    datasource,
    fieldConfig: { defaults: { unit, min: 0, ...thresholdsOf(panel), ...drawingOf(panel) }, overrides: [] },
    options: optionsOf(type),
    targets: targets.map(({ expression, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr: expression,
      legendFormat: legend,
      ...(type === "table" ? { format: "table", instant: true } : {}),
      ...(type === "heatmap" ? { format: "heatmap" } : {}),
    })),
  };
}

function drawingOf({ type, stacked }: Panel): object {
  if (type !== "timeseries") return {};
  return {
    custom: {
      lineWidth: 1,
      fillOpacity: stacked === true ? 30 : 10,
      stacking: { mode: stacked === true ? "normal" : "none" },
    },
  };
}

function thresholdsOf({ thresholds }: Panel): object {
  if (thresholds === undefined) return {};
  const { warning, bad, goodFrom } = thresholds;
  const steps =
    goodFrom === undefined
      ? [
          { color: "green", value: null },
          ...(warning === undefined ? [] : [{ color: "yellow", value: warning }]),
          ...(bad === undefined ? [] : [{ color: "red", value: bad }]),
        ]
      : [
          { color: "red", value: null },
          ...(warning === undefined ? [] : [{ color: "yellow", value: warning }]),
          { color: "green", value: goodFrom },
        ];
  return { thresholds: { mode: "absolute", steps }, color: { mode: "thresholds" } };
}

function optionsOf(type: Panel["type"]): object {
  const reduceOptions = { calcs: ["lastNotNull"], fields: "", values: false };
  switch (type) {
    case "stat":
      return { reduceOptions, colorMode: "background", graphMode: "area", textMode: "auto" };
    case "timeseries":
      return {
        legend: { displayMode: "list", placement: "bottom", showLegend: true },
        tooltip: { mode: "multi", sort: "desc" },
      };
    case "heatmap":
      return { calculate: false, yAxis: { unit: "s" }, color: { mode: "scheme", scheme: "Oranges", steps: 64 } };
    default:
      return {};
  }
}
