import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { readCrds, type Crd, type Schema } from "./crds.ts";

const root = join(import.meta.dirname, "..");
const output = join(root, "platform/kinds.gen.ts");

/** Writes platform/kinds.gen.ts, the kinds of crds/ as TypeScript, where it differs. */
export function generateKinds(): void {
  const text = kindsText(readCrds());
  if (existsSync(output) && readFileSync(output, "utf8") === text) return;
  writeFileSync(output, text);
  process.stderr.write(`generated ${relative(root, output)}\n`);
}

/** Spec, status and object of each kind, and the bounds of what the operator writes into a status. */
export function kindsText(crds: readonly Crd[]): string {
  return [
    "// Made from crds/*.yaml by scripts/generate-kinds.ts. Do not edit.",
    ...crds.map(kindText),
    `/** Spec and status of each kind. */`,
    `export interface KindMap {`,
    ...crds.map(({ kind }) => `  readonly ${kind}: ${kind};`),
    `}`,
    ``,
    `/** How the API server addresses each kind. */`,
    `export const kindResources = {`,
    ...crds.map(
      ({ kind, plural, scope }) => `  ${kind}: { plural: "${plural}", isNamespaced: ${scope === "Namespaced"} },`,
    ),
    `} as const;`,
    ``,
  ].join("\n");
}

function kindText({ kind, root: schema, spec, status }: Crd): string {
  const bounds = [...boundsOf(status, "")].map(([path, max]) => `  ${JSON.stringify(path)}: ${max},`);
  const name = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}`;
  return `
${comment(spec.description, "")}export interface ${kind}Spec ${typeOf(spec, "")}

${comment(status.description, "")}export interface ${kind}Status ${typeOf(status, "")}

${comment(schema.description, "")}export interface ${kind} {
  readonly apiVersion: "picket.dev/v1alpha1";
  readonly kind: "${kind}";
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: ${kind}Spec;
  readonly status?: ${kind}Status;
}

/** Most entries of the lists, and characters of the texts, of a status of ${kind}. */
export const ${name}StatusMax = {
${bounds.join("\n")}
} as const;
`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  switch (schema.type) {
    case "object":
      return schema.properties === undefined
        ? `Readonly<Record<string, ${typeOf(schema.additionalProperties!, indent)}>>`
        : membersOf(schema, indent);
    case "array": {
      const item = typeOf(schema.items!, indent);
      return `readonly ${schema.items!.enum === undefined ? item : `(${item})`}[]`;
    }
    case "string":
      return "string";
    case "integer":
      return "number";
    case "boolean":
      return "boolean";
    default:
      // A value of several types, which a structural schema cannot name.
      return "unknown";
  }
}

function membersOf({ properties = {}, required = [] }: Schema, indent: string): string {
  const deeper = `${indent}  `;
  const members = Object.entries(properties).map(([name, schema]) => {
    const mark = required.includes(name) ? "" : "?";
    return `${comment(schema.description, deeper)}${deeper}readonly ${name}${mark}: ${typeOf(schema, deeper)};`;
  });
  return `{\n${members.join("\n")}\n${indent}}`;
}

function comment(description: string | undefined, indent: string): string {
  return description === undefined ? "" : `${indent}/** ${description.replaceAll("*/", "* /")} */\n`;
}

/** `problems[].message` with its bound, for every list and text. */
function* boundsOf(schema: Schema, path: string): Generator<readonly [string, number]> {
  if (schema.maxItems !== undefined) yield [path, schema.maxItems];
  if (schema.maxLength !== undefined && schema.format === undefined) yield [path, schema.maxLength];
  if (schema.items !== undefined) yield* boundsOf(schema.items, `${path}[]`);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield* boundsOf(child, path === "" ? name : `${path}.${name}`);
  }
}
