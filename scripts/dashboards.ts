/** Writes charts/picket/dashboards/*.json from scripts/dashboards/. A test fails when they are not current. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dashboards } from "./dashboards/all.ts";
import { printDashboard } from "./dashboards/grafana.ts";

const folder = join(import.meta.dirname, "../charts/picket/dashboards");
for (const dashboard of dashboards) writeFileSync(join(folder, `${dashboard.uid}.json`), printDashboard(dashboard));
