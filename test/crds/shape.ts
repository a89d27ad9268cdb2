import type { Schema } from "../../scripts/crds.ts";

/**
 * What is wrong with the shape of a value, by its schema without CEL: types, fields, bounds, words and patterns. An
 * unknown field counts as wrong, since admission refuses it.
 */
export function shapeProblems(schema: Schema, value: unknown, path: string): readonly string[] {
  if (schema.type === undefined) return typeOf(value) === "object" ? fieldProblems(schema, value as object, path) : [];
  const type = typeOf(value);
  if (type !== schema.type) return [`${path} is ${type}, not ${schema.type}`];
  switch (schema.type) {
    case "object":
      return fieldProblems(schema, value as object, path);
    case "array": {
      const items = value as readonly unknown[];
      const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
      if (items.length < minItems || items.length > maxItems) return [`${path} has ${items.length} items`];
      return items.flatMap((item, index) => shapeProblems(schema.items!, item, `${path}[${index}]`));
    }
    case "string":
      return textProblems(schema, value as string, path);
    case "integer": {
      const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
      return (value as number) < minimum || (value as number) > maximum ? [`${path} is ${value as number}`] : [];
    }
    default:
      return [];
  }
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function fieldProblems(schema: Schema, value: object, path: string): readonly string[] {
  const { properties = {}, additionalProperties, required = [] } = schema;
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${path}.${name} is missing`);
  const { minProperties = 0, maxProperties = Number.POSITIVE_INFINITY } = schema;
  const count = Object.keys(value).length;
  const size = count < minProperties || count > maxProperties ? [`${path} has ${count} fields`] : [];
  const found = Object.entries(value).flatMap(([name, child]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    return known === undefined ? [`${path}.${name} is unknown`] : shapeProblems(known, child, `${path}.${name}`);
  });
  return [...missing, ...size, ...found];
}

function textProblems(schema: Schema, value: string, path: string): readonly string[] {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
  if (value.length < minLength || value.length > maxLength) return [`${path} has ${value.length} characters`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path} is no word of it`];
  return pattern !== undefined && !new RegExp(pattern).test(value) ? [`${path} does not match`] : [];
}
