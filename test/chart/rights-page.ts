import { isMap, isSeq, type Document } from "yaml";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const text = `# Rights of the operator

What the chart lets the operator do, as it is rendered; a test makes this page and another one compares the rights with
the calls that the operator makes, both ways. The scorer, the sidecars and the pods of \`helm test\` have no right at all.
`;

/** docs/reference/rights.md, from the roles in the two ways of injection. */
export function rightsPage(byWebhook: readonly Document[], byPolicy: readonly Document[]): string {
  const cluster = rows(byWebhook, "ClusterRole");
  const policyOnly = rows(byPolicy, "ClusterRole").filter((row) => !cluster.includes(row));
  const parts: readonly (readonly [title: string, rows: readonly string[]])[] = [
    ["In the whole cluster", cluster],
    ["With `injection.mode: policy`, instead of the last three of these", policyOnly],
    ["In the namespace of Picket", rows(byWebhook, "Role")],
  ];
  const tables = parts.map(([title, lines]) =>
    [`## ${title}`, "", "| for | group | resources | names | verbs |", "|---|---|---|---|---|", ...lines, ""].join(
      "\n",
    ),
  );
  return [text, ...tables].join("\n");
}

function rows(documents: readonly Document[], kind: string): readonly string[] {
  const role = documents.find((document) => document.get("kind") === kind);
  const rules = role?.get("rules");
  if (!isSeq(rules)) throw new TypeError(`no rules in a ${kind}`);
  let reason = "";
  return rules.items.map((item, index) => {
    if (!isMap(item)) throw new TypeError(`a rule of the ${kind} is no map`);
    // The parser hangs the comment before the first item on the list.
    const own = (index === 0 ? rules.commentBefore : undefined) ?? item.commentBefore;
    // A rule without a comment goes on with what the one before is for.
    if (own)
      reason = own
        .split("\n")
        .map((line) => line.trim())
        .join(" ");
    const { apiGroups, resources, resourceNames = [], verbs } = item.toJSON() as Rule;
    const group = apiGroups.map((name) => (name === "" ? "core" : name)).join(", ");
    return `| ${reason} | ${group} | ${list(resources)} | ${list(resourceNames)} | ${verbs.join(", ")} |`;
  });
}

function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}
