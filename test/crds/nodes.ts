import type { Schema } from "../../scripts/crds.ts";

/** A place in a schema. */
export interface Node {
  /** `spec.access.rules[].match` */
  readonly path: string;
  readonly steps: readonly (string | 0)[];
  readonly schema: Schema;
  /** The mapping that holds it, where a mapping does. */
  readonly parent?: Schema | undefined;
  readonly name?: string | undefined;
}

/** Every place below a schema, itself included. */
export function* nodesOf(schema: Schema, name: string): Generator<Node> {
  yield* walk({ path: name, steps: [name], schema });
}

function* walk(node: Node): Generator<Node> {
  yield node;
  const { path, steps, schema } = node;
  if (schema.items !== undefined) {
    yield* walk({ path: `${path}[]`, steps: [...steps, 0], schema: schema.items });
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield* walk({ path: `${path}.${name}`, steps: [...steps, name], schema: child, parent: schema, name });
  }
  if (schema.additionalProperties !== undefined) {
    yield* walk({ path: `${path}.*`, steps: [...steps, "key"], schema: schema.additionalProperties });
  }
}

/** An object that holds nothing but this value at this place. */
export function holding(steps: readonly (string | 0)[], value: unknown): unknown {
  return steps.reduceRight<unknown>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), value);
}

/** The place as the readers write it: `spec.access.rules[0].match`. */
export function fieldOf(steps: readonly (string | 0)[]): string {
  return steps.reduce<string>((path, step) => (step === 0 ? `${path}[0]` : path === "" ? step : `${path}.${step}`), "");
}
