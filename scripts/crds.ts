import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

/** The part of a structural schema that our kinds use. */
export interface Schema {
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
}

export interface Crd {
  /** Relative to the root of the repository. */
  readonly file: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
  readonly labels: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly root: Schema;
  readonly spec: Schema;
  readonly status: Schema;
}

interface CrdDocument {
  readonly kind: string;
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly scope: Crd["scope"];
    readonly names: Pick<Crd, "kind" | "plural" | "shortNames" | "categories">;
    readonly versions: readonly [
      {
        readonly additionalPrinterColumns: readonly { readonly name: string }[];
        readonly schema: { readonly openAPIV3Schema: Schema };
      },
    ];
  };
}

const root = join(import.meta.dirname, "..");

/** Every CustomResourceDefinition of crds/, by file name. */
export function readCrds(): readonly Crd[] {
  const files = globSync("crds/*.yaml", { cwd: root }).toSorted();
  const crds = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(root, file), "utf8"))
      .map((document) => document.toJS() as CrdDocument)
      .filter(({ kind }) => kind === "CustomResourceDefinition")
      .map((document) => crdOf(file, document)),
  );
  if (crds.length === 0) throw new Error("there is no CustomResourceDefinition in crds/");
  return crds;
}

function crdOf(file: string, { metadata, spec }: CrdDocument): Crd {
  const [version] = spec.versions;
  const schema = version.schema.openAPIV3Schema;
  const { kind, plural, shortNames, categories } = spec.names;
  return {
    file,
    kind,
    plural,
    shortNames,
    categories,
    scope: spec.scope,
    labels: metadata.labels ?? {},
    columns: version.additionalPrinterColumns.map(({ name }) => name),
    root: schema,
    spec: schema.properties!["spec"]!,
    status: schema.properties!["status"]!,
  };
}
