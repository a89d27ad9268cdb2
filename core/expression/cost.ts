import { fieldOf, type Schema, type Variable } from "./activation.ts";
import type { Expression } from "./ast.ts";
import { equalityNodesMax, listSizeMax, matchTextMax, stringSizeMax } from "./bounds.ts";
import { binaryFunctions, unaryFunctions, type UnaryFunction } from "./functions.ts";

/** What is known about a part before it runs: its cost, its size, and the size of its items when it is a list. */
interface Estimate {
  readonly cost: number;
  readonly size: number;
  readonly item: number;
  /** Most items when iterated. */
  readonly count: number;
  /** Most values that a comparison looks at, in it and in one of its items: 1 unless it may be a list or a map. */
  readonly nodes: number;
  readonly itemNodes: number;
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

const scalar: Estimate = { cost: 1, size: 1, item: 1, count: 1, nodes: 1, itemNodes: 1 };
const anyText: Estimate = { ...scalar, size: stringSizeMax, item: stringSizeMax, count: listSizeMax };
const anyJson: Estimate = { ...anyText, nodes: equalityNodesMax, itemNodes: equalityNodesMax };

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
      const nodes = Math.max(1, ...items.map((item) => item.nodes));
      const cost = items.length + sum(items);
      return { cost, ...collection(items.length, size, nodes) };
    }
    case "map": {
      const parts = node.entries.flatMap(({ key, value }) => [of(key), of(value)]);
      const size = Math.max(1, ...parts.map((part) => part.size));
      const nodes = Math.max(1, ...parts.map((part) => part.nodes));
      return { cost: 10 * parts.length + sum(parts), ...collection(parts.length, size, nodes) };
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

/** So many items of at most this size; what holds them is at most what evaluation accepts. */
function collection(count: number, item: number, itemNodes: number): Omit<Estimate, "cost"> {
  return { size: count * item, item, count, nodes: Math.min(1 + count * itemNodes, equalityNodesMax), itemNodes };
}

function sum(parts: readonly Estimate[]): number {
  return parts.reduce((total, part) => total + part.cost, 0);
}

function ofField<C>(field: Variable<C>): Estimate {
  switch (field.kind) {
    case "integer":
      return { ...scalar, cost: 3 };
    case "texts":
      return { ...collection(listSizeMax, stringSizeMax, 1), cost: stringSizeMax / 8, size: stringSizeMax };
    case "value": {
      const size = field.sizeMax ?? stringSizeMax;
      const known = field.isText === true ? anyText : anyJson;
      return { ...known, cost: 5, size, item: size, count: Math.min(size, listSizeMax) };
    }
    case "keyed":
      // Asked by `in`: one look-up, whatever the size of the map.
      return { ...anyText, cost: field.cost ?? 5, count: 1 };
    case "fields":
      return anyText;
  }
}

function ofMember<C>(operand: Expression, read: Estimate, known: Known<C>, locals: Locals): Estimate {
  const field = fieldOf(known.schema, operand, (name) => locals.has(name));
  if (field?.kind === "keyed") {
    const size = field.sizeMax ?? stringSizeMax;
    return { ...(field.isText === true ? anyText : anyJson), cost: (field.cost ?? 5) + size / 32, size, item: size };
  }
  return itemOf(read, read.cost + 3);
}

function itemOf(whole: Estimate, cost: number): Estimate {
  const { item, itemNodes } = whole;
  return { cost, size: item, item, count: listSizeMax, nodes: itemNodes, itemNodes };
}

function ofIteration<C>(
  node: Expression & { kind: "iterate" },
  range: Estimate,
  known: Known<C>,
  locals: Locals,
): Estimate {
  const inside = new Map(locals).set(node.variable, itemOf(range, 1));
  const body = estimate(node.body, known, inside);
  const filter = node.filter === undefined ? 0 : estimate(node.filter, known, inside).cost;
  const cost = range.cost + range.count * (2 + filter + body.cost);
  if (node.macro === "map") return { cost, ...collection(range.count, body.size, body.nodes) };
  if (node.macro === "filter") return { ...range, cost };
  return { ...scalar, cost };
}

function ofCall<C>(node: Expression & { kind: "call" }, known: Known<C>, parts: readonly Estimate[]): Estimate {
  const cost = 1 + sum(parts);
  const [first = scalar, second = scalar, third = scalar] = parts;
  switch (node.function) {
    case "==":
    case "!=":
      return { ...scalar, cost: cost + equality(first, second) };
    case "<":
    case "<=":
    case ">":
    case ">=":
      // Never of lists or maps; texts are compared character by character.
      return { ...scalar, cost: cost + 2 + Math.min(first.size, second.size) / 8 };
    case "in":
      return { ...scalar, cost: cost + second.count * equality(first, itemOf(second, 0)) };
    case "+": {
      const size = Math.min(first.size + second.size, Math.max(stringSizeMax, listSizeMax));
      const count = Math.min(first.count + second.count, listSizeMax);
      return { ...larger(first, second), cost: cost + 5 + size / 8, size, count };
    }
    case "?:":
      return { ...larger(second, third), cost };
    case "matches":
      return { ...scalar, cost: cost + Math.min(first.size, matchTextMax) * (5 + 5 * programSize(node, known)) };
  }
  const unary = parts.length === 1 ? unaryFunctions.get(node.function) : undefined;
  if (unary !== undefined) return ofUnary(unary, first, cost);
  const binary = parts.length === 2 ? binaryFunctions.get(node.function) : undefined;
  if (binary !== undefined) return { ...scalar, cost: cost + binary.cost(first.size, second.size) };
  return { ...scalar, cost: cost + (unaryFunctions.has(node.function) ? zoneCost : 20) };
}

function ofUnary(unary: UnaryFunction, operand: Estimate, cost: number): Estimate {
  const result = unary.size === undefined ? operand : { ...scalar, size: unary.size };
  return { ...result, cost: cost + unary.cost(operand.size) };
}

/** Values of both sides are looked at until one has no more; a text costs little per character, a value in a list more. */
function equality(left: Estimate, right: Estimate): number {
  const nodes = Math.min(left.nodes, right.nodes);
  return 2 + Math.min(left.size, right.size) / 32 + (nodes > 1 ? 40 * nodes : 0);
}

function larger(left: Estimate, right: Estimate): Omit<Estimate, "cost"> {
  return {
    size: Math.max(left.size, right.size),
    item: Math.max(left.item, right.item),
    count: Math.max(left.count, right.count),
    nodes: Math.min(left.nodes + right.nodes, equalityNodesMax),
    itemNodes: Math.max(left.itemNodes, right.itemNodes),
  };
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
