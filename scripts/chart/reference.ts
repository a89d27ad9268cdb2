import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from "yaml";

/** A value that a user may set. */
export interface ChartValue {
  readonly path: readonly string[];
  /** As one would write it in a values file. */
  readonly fallback: string;
  /** What its comment says; empty where there is none. */
  readonly meaning: string;
}

/**
 * The values of values.yaml in their order: every scalar and list, and every map that is empty or has a comment of its
 * own that stands for all of it (such as `resources`).
 */
export function chartValues(text: string): readonly ChartValue[] {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw document.errors[0]!;
  if (!isMap(document.contents)) throw new TypeError("values.yaml is not a map");
  return valuesOf(document.contents, document.toJS() as Plain, []);
}

type Plain = Readonly<Record<string, unknown>>;

function valuesOf(map: YAMLMap, plain: Plain, path: readonly string[]): ChartValue[] {
  return map.items.flatMap((pair, i) => {
    const key = isScalar(pair.key) ? String(pair.key.value) : "";
    const here = [...path, key];
    const meaning = commentOf(map, pair, i);
    const inner = pair.value;
    const isGroup = isMap(inner) && inner.items.length > 0 && (meaning === "" || !isLeafLike(inner));
    if (isGroup) return valuesOf(inner, plain[key] as Plain, here);
    return [{ path: here, fallback: JSON.stringify(plain[key]), meaning }];
  });
}

/** A map whose keys need no word of their own: none of them has a comment. */
function isLeafLike(map: YAMLMap): boolean {
  return map.items.every((pair, i) => commentOf(map, pair, i) === "");
}

/** The parser hangs the first comment of a map on the map. */
function commentOf(map: YAMLMap, pair: Pair, index: number): string {
  const own = isScalar(pair.key) ? (pair.key.commentBefore ?? "") : "";
  const text = index === 0 && own === "" ? (map.commentBefore ?? "") : own;
  return text
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
    .trim();
}

/** docs/reference/chart.md. */
export function chartReference(text: string): string {
  const rows = chartValues(text).map(
    ({ path, fallback, meaning }) => `| \`${path.join(".")}\` | \`${fallback}\` | ${meaning.replaceAll("|", "\\|")} |`,
  );
  return [
    "# Values of the chart",
    "",
    "Made from `charts/picket/values.yaml` by `node scripts/chart.ts`. A key that is not here is refused.",
    "`values-ha.yaml` and `values-demo.yaml` lie beside it.",
    "",
    "| value | default | meaning |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
