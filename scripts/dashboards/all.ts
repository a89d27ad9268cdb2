import { accountProtection } from "./account-protection.ts";
import { apiInventory } from "./api-inventory.ts";
import { decisionPath } from "./decision-path.ts";
import type { Dashboard } from "./grafana.ts";
import { models } from "./models.ts";
import { operator } from "./operator.ts";
import { overview } from "./overview.ts";

/** Every dashboard of the chart, in the order in which people look. */
export const dashboards: readonly Dashboard[] = [
  overview,
  decisionPath,
  accountProtection,
  apiInventory,
  models,
  operator,
];
