import { fieldOf, type Schema, type Variable } from "./activation.ts";
import type { Expression } from "./ast.ts";
import { listSizeMax, matchTextMax, stringSizeMax } from "./bounds.ts";
import { binaryFunctions, unaryFunctions } from "./functions.ts";

/** What is known about a part before it runs: its cost, its size, and the size of its items when it is a list. */
interface Estimate {
  readonly cost: number;
  readonly size: number;
  readonly item: number;
  /** Most items when iterated. */
  readonly count: number;
}

/** A point in time in a named zone: the zone rules are looked up. */
const zoneCost = 500;

/**
 * Upper bound of the work of one evaluation, in units of about 10 ns, when every text and list has the largest size
 * that evaluation accepts. Both sides of every choice are counted. `programs` holds the size of each regular expression
 * after compilation, in instructions.
 */
export function costOf<C>(root: Expression, schema: Schema<C>, programs: ReadonlyMap<string, number>): number {
  return Math.ceil(estimate(root, { schema, programs }, new Map()).cost);
}

interface Known<C> {
  readonly schema: Schema<C>;
  readonly programs: ReadonlyMap<string, number>;
}

type Locals = ReadonlyMap<string, Estimate>;

const unknown: Estimate = { cost: 1, size: stringSizeMax, item: stringSizeMax, count: listSizeMax };
const scalar: Estimate = { cost: 1, size: 1, item: 1, count: 1 };

function estimate<C>(node: Expression, known: Known<C>, locals: Locals): Estimate {
  const of = (part: Expression): Estimate => estimate(part, known, locals);
  const field = fieldOf(known.schema, node, (name) => locals.has(name));
  if (field !== undefined) return ofField(field);
  switch (node.kind) {
    case "literal": {
      const { value } = node;
      const size = typeof value === "string" || value instanceof Uint8Array ? value.length : 1;
      return { ...scalar, size, item: size };
    }
    case "variable":
      return locals.get(node.name) ?? scalar;
    case "select":
      return ofMember(node.operand, of(node.operand), known, locals);
    case "has":
      return { ...scalar, cost: 1 + ofMember(node.operand, of(node.operand), known, locals).cost };
    case "index": {
      const member = ofMember(node.operand, of(node.operand), known, locals);
      const key = of(node.key);
      return { ...member, cost: member.cost + key.cost + key.size / 8 };
    }
    case "list": {
      const items = node.items.map(of);
      const size = Math.max(1, ...items.map((item) => item.size));
      return { cost: items.length + sum(items), size: items.length * size, item: size, count: items.length };
    }
    case "map": {
      const parts = node.entries.flatMap(({ key, value }) => [of(key), of(value)]);
      const item = Math.max(1, ...parts.map((part) => part.size));
      return { cost: 10 * parts.length + sum(parts), size: parts.length * item, item, count: node.entries.length };
    }
    case "iterate":
      return ofIteration(node, of(node.range), known, locals);
    case "call":
      return ofCall(
        node,
        known,
        node.target === undefined ? node.arguments.map(of) : [node.target, ...node.arguments].map(of),
      );
  }
}

function sum(parts: readonly Estimate[]): number {
  return parts.reduce((total, part) => total + part.cost, 0);
}

function ofField<C>(field: Variable<C>): Estimate {
  switch (field.kind) {
    case "integer":
      return { ...scalar, cost: 3 };
    case "texts":
      return { cost: stringSizeMax / 8, size: stringSizeMax, item: stringSizeMax, count: listSizeMax };
    case "value": {
      const size = field.sizeMax ?? stringSizeMax;
      return { cost: 5, size, item: size, count: Math.min(size, listSizeMax) };
    }
    case "keyed":
      // Asked by `in`: one look-up, whatever the size of the map.
      return { ...unknown, cost: field.cost ?? 5, count: 1 };
    case "fields":
      return unknown;
  }
}

function ofMember<C>(operand: Expression, read: Estimate, known: Known<C>, locals: Locals): Estimate {
  const field = fieldOf(known.schema, operand, (name) => locals.has(name));
  if (field?.kind === "keyed") {
    const size = field.sizeMax ?? stringSizeMax;
    return { cost: (field.cost ?? 5) + size / 32, size, item: size, count: listSizeMax };
  }
  return { cost: read.cost + 3, size: read.item, item: read.item, count: listSizeMax };
}

function ofIteration<C>(
  node: Expression & { kind: "iterate" },
  range: Estimate,
  known: Known<C>,
  locals: Locals,
): Estimate {
  const item: Estimate = { cost: 1, size: range.item, item: range.item, count: listSizeMax };
  const inside = new Map(locals).set(node.variable, item);
  const body = estimate(node.body, known, inside);
  const filter = node.filter === undefined ? 0 : estimate(node.filter, known, inside).cost;
  const size = node.macro === "map" ? body.size : range.item;
  return {
    cost: range.cost + range.count * (2 + filter + body.cost),
    size: range.count * size,
    item: size,
    count: range.count,
  };
}

function ofCall<C>(node: Expression & { kind: "call" }, known: Known<C>, parts: readonly Estimate[]): Estimate {
  const cost = 1 + sum(parts);
  const [first = scalar, second = scalar, third = scalar] = parts;
  switch (node.function) {
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return { ...scalar, cost: cost + 2 + Math.min(first.size, second.size) / 32 };
    case "in":
      return { ...scalar, cost: cost + second.count * (2 + Math.min(first.size, second.item) / 32) };
    case "+": {
      const size = Math.min(first.size + second.size, Math.max(stringSizeMax, listSizeMax));
      const item = Math.max(first.item, second.item);
      return { cost: cost + 5 + size / 8, size, item, count: Math.min(first.count + second.count, listSizeMax) };
    }
    case "?:":
      return {
        cost,
        size: Math.max(second.size, third.size),
        item: Math.max(second.item, third.item),
        count: Math.max(second.count, third.count),
      };
    case "matches":
      return { ...scalar, cost: cost + Math.min(first.size, matchTextMax) * (5 + 5 * programSize(node, known)) };
  }
  const unary = parts.length === 1 ? unaryFunctions.get(node.function) : undefined;
  if (unary !== undefined) return { ...first, cost: cost + unary.cost(first.size), size: unary.size ?? first.size };
  const binary = parts.length === 2 ? binaryFunctions.get(node.function) : undefined;
  if (binary !== undefined) return { ...scalar, cost: cost + binary.cost(first.size, second.size) };
  return { ...scalar, cost: cost + (unaryFunctions.has(node.function) ? zoneCost : 20) };
}

/**
 * Instructions of the pattern. Each takes up to 45 ns per character when the text makes the engine leave its automaton:
 * `a[ab]{900}c` needs 150 ms for 4,096 characters, although it is 11 characters long.
 */
function programSize<C>(node: Expression & { kind: "call" }, { programs }: Known<C>): number {
  const pattern = node.arguments.at(-1);
  const text = pattern?.kind === "literal" && typeof pattern.value === "string" ? pattern.value : "";
  return programs.get(text) ?? 0;
}
