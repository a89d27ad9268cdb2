import { Environment, ParseError, TypeError as CelTypeError, type ASTNode } from "@marcbachmann/cel-js";
import { RE2JS, RE2JSException } from "re2js";
import type {
  CheckedExpression,
  Constant,
  Expression,
  ExpressionProblem,
  Iteration,
  ParsedExpression,
} from "../core/expression/ast.ts";
import { expressionDepthMax, expressionNodesMax, expressionSourceMax, listSizeMax } from "../core/expression/bounds.ts";
import { compileWhen, type Environment as ExpressionEnvironment, type Matcher } from "../core/expression/compile.ts";
import type { WhenPredicate } from "../core/policy/compiled-policy.ts";
import { whenSchema } from "../core/expression/schema.ts";
import type { ZoneOffset } from "../core/expression/time.ts";

/** Why a `when` is refused: what is wrong, at which column (from 1), and what to do. */
export interface WhenProblem {
  readonly message: string;
  readonly column: number;
  readonly try: string;
}

export type CheckResult =
  | { readonly kind: "checked"; readonly checked: CheckedExpression }
  | { readonly kind: "refused"; readonly problem: WhenProblem };

/** What core needs to compile an expression: RE2 for `matches`, and the time zones of this machine. */
export const expressionEngines: Pick<ExpressionEnvironment<unknown>, "regex" | "zone"> = { regex: re2, zone: timeZone };

/**
 * Parses, type-checks and trial-compiles a `when`. An expression that is checked here compiles against `whenSchema`
 * within all bounds; anything else is a problem with a column and an advice.
 */
export function checkWhen(source: string): CheckResult {
  const parsed = parseExpression(source, environment);
  if (parsed.kind === "refused") return parsed;
  const compiled = compileWhen(parsed.checked, { schema: whenSchema, ...expressionEngines });
  if (compiled.kind === "refused") return refused(compiled.problem);
  const type = parsed.type();
  if (type.kind === "refused") return type;
  if (type.name !== "bool" && type.name !== "dyn") {
    const advice = "compare it with something, such as == or in";
    return refused({ message: `it gives ${type.name}, not true or false`, at: 0, try: advice });
  }
  return { kind: "checked", checked: { ...parsed.checked, cost: compiled.when.cost } };
}

/**
 * The predicate of a checked `when`, as core/policy/compile.ts asks for it: undefined when it cannot be evaluated.
 * Throws for a tree that `checkWhen` would have refused.
 */
export function compileCondition(checked: CheckedExpression): WhenPredicate {
  const compiled = compileWhen(checked, { schema: whenSchema, ...expressionEngines });
  if (compiled.kind === "refused")
    throw new Error(`a checked expression does not compile: ${compiled.problem.message}`);
  const { when } = compiled;
  return (context) => {
    const result = when.evaluate(context);
    return typeof result === "boolean" ? result : undefined;
  };
}

type ParseResult =
  | {
      readonly kind: "parsed";
      readonly checked: ParsedExpression;
      type(): { readonly kind: "type"; readonly name: string } | (CheckResult & { readonly kind: "refused" });
    }
  | (CheckResult & { readonly kind: "refused" });

/** Parses a text into our tree without knowing any variable; the types can be asked for separately. */
export function parseExpression(source: string, types: Environment = environment): ParseResult {
  if (source.length > expressionSourceMax) {
    const message = `it is ${source.length} characters long, at most ${expressionSourceMax} are allowed`;
    return refused({ message, at: expressionSourceMax, try: "split the rule in two" });
  }
  if (source.trim() === "")
    return refused({ message: "it is empty", at: 0, try: "remove `when`, or write a condition" });
  try {
    const parsed = types.parse(source);
    const translated = new Translation(source);
    const root = translated.expression(parsed.ast);
    if (translated.problem !== undefined) return refused(translated.problem);
    return { kind: "parsed", checked: { source, root }, type: () => typeOf(parsed.check()) };
  } catch (error) {
    return refused(problemOf(error));
  }
}

function typeOf(found: ReturnType<Environment["check"]>): ReturnType<(ParseResult & { kind: "parsed" })["type"]> {
  if (found.valid && found.type !== undefined) return { kind: "type", name: found.type };
  return refused(problemOf(found.error));
}

function refused(problem: ExpressionProblem): CheckResult & { readonly kind: "refused" } {
  return { kind: "refused", problem: { message: problem.message, column: problem.at + 1, try: problem.try } };
}

const adviceFor: ReadonlyMap<string, string> = new Map([
  ["unknown_variable", "use request, principal, resource, source or now; texts stand in quotes"],
  ["no_such_key", "docs/reference/when.md lists the fields"],
  ["no_such_overload", "compare values of one type; convert with int(), double() or string()"],
  ["no_matching_overload", "docs/reference/when.md lists the functions"],
  ["limit_exceeded", "remove parentheses that are not needed, or split the rule in two"],
  ["unterminated_string", "close the text with the quote that opened it"],
  ["reserved_identifier", "this word is reserved; use another name"],
  ["invalid_logical_operand", "both sides of && and || must be true or false"],
]);

/** The library's errors as ours. Its messages repeat the expression below a blank line; the first line is enough. */
function problemOf(error: unknown): ExpressionProblem {
  if (error instanceof ParseError || error instanceof CelTypeError) {
    const advice = adviceFor.get(error.code) ?? "check quotes, brackets and operators around this column";
    return { message: lowerFirst(error.summary), at: error.range?.start ?? 0, try: advice };
  }
  return { message: "it cannot be read", at: 0, try: "simplify it; docs/reference/when.md has examples" };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** Types of the variables of `when`, for the library's type checker. Values never reach the library. */
const environment = new Environment({
  homogeneousAggregateLiterals: false,
  limits: {
    maxAstNodes: 4 * expressionNodesMax,
    maxDepth: expressionDepthMax,
    maxListElements: listSizeMax,
    maxMapEntries: listSizeMax,
    maxCallArguments: 8,
  },
})
  .registerVariable("request", {
    schema: {
      method: "string",
      path: "string",
      host: "string",
      query: "map<string, string>",
      headers: "map<string, string>",
      hour: "int",
      weekday: "int",
    },
  })
  .registerVariable("principal", {
    schema: {
      authenticated: "bool",
      id: "string",
      issuer: "string",
      scopes: "list<string>",
      claims: "map<string, dyn>",
      level: "int",
    },
  })
  .registerVariable("resource", "map<string, string>")
  .registerVariable("source", { schema: { address: "string", network: "string" } })
  .registerVariable("now", "google.protobuf.Timestamp")
  .registerFunction("matches(string, string): bool", () => false);

const iterations: ReadonlySet<string> = new Set<Iteration>(["all", "exists", "exists_one", "map", "filter"]);

/** The library's syntax tree into ours. What the library expands as a macro is read as it was written. */
class Translation {
  readonly #source: string;
  #depth = 0;
  problem: ExpressionProblem | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  expression(node: ASTNode): Expression {
    // Unary operators are not counted by the library, and a tree this deep is refused anyway.
    if (this.#depth > 2 * expressionDepthMax) {
      const message = `it is nested more than ${expressionDepthMax} deep`;
      return this.#refuse(node, message, "split the rule in two");
    }
    this.#depth++;
    const translated = this.#translate(node);
    this.#depth--;
    return translated;
  }

  #refuse(node: ASTNode, message: string, advice: string): Expression {
    this.problem ??= { message, at: node.start, try: advice };
    return { kind: "literal", at: node.start, value: null };
  }

  #translate(node: ASTNode): Expression {
    const at = node.start;
    switch (node.op) {
      case "value":
        return this.#literal(node, node.args);
      case "id":
        return { kind: "variable", at, name: node.args };
      case ".":
        return { kind: "select", at, operand: this.expression(node.args[0]), field: node.args[1] };
      case "[]":
        return { kind: "index", at, operand: this.expression(node.args[0]), key: this.expression(node.args[1]) };
      case "list":
        return { kind: "list", at, items: node.args.map((item) => this.expression(item)) };
      case "map": {
        const entries = node.args.map(([key, value]) => ({ key: this.expression(key), value: this.expression(value) }));
        return { kind: "map", at, entries };
      }
      case "call":
        return this.#function(node, node.args[0], node.args[1]);
      case "rcall":
        return this.#method(node, node.args[0], node.args[1], node.args[2]);
      case "!_":
        return this.#operator(at, "!", [node.args]);
      case "-_":
        return this.#negative(node, node.args);
      case "?:":
        return this.#operator(at, "?:", node.args);
      case "&&":
      case "||":
        return this.#operator(at, node.op, chain(node, node.op));
      case ".?":
      case "[?]":
        return this.#refuse(node, "optional values are not offered", "ask with has() or in first");
      default:
        return this.#operator(at, node.op, node.args);
    }
  }

  #operator(at: number, name: string, operands: readonly ASTNode[]): Expression {
    return { kind: "call", at, function: name, arguments: operands.map((operand) => this.expression(operand)) };
  }

  #literal(node: ASTNode, value: unknown): Expression {
    const at = node.start;
    if (value instanceof Uint8Array && !isAscii(this.#source.slice(node.start, node.end))) {
      // The library takes one byte per character here, where the language means UTF-8.
      return this.#refuse(node, "a byte literal has a character beyond ASCII", String.raw`write its bytes as \xc3\xa9`);
    }
    if (isConstant(value)) return { kind: "literal", at, value };
    const unsigned: unknown = typeof value === "object" && value !== null ? value.valueOf() : undefined;
    if (typeof unsigned === "bigint") return { kind: "literal", at, value: unsigned, uint: true };
    return this.#refuse(node, "this literal is not offered", "write a number, a text, true, false or null");
  }

  /** A minus before a number belongs to it: the smallest int has no positive counterpart. */
  #negative(node: ASTNode, operand: ASTNode): Expression {
    if (operand.op === "value" && operand.start === node.start + 1) {
      const value = operand.args;
      if (typeof value === "bigint" || typeof value === "number") {
        return { kind: "literal", at: node.start, value: -value };
      }
    }
    return this.#operator(node.start, "-", [operand]);
  }

  #function(node: ASTNode, name: string, operands: readonly ASTNode[]): Expression {
    const [operand] = operands;
    if (name !== "has") return this.#operator(node.start, name, operands);
    if (operands.length !== 1 || operand?.op !== ".") {
      return this.#refuse(node, "has() asks for one field", 'write has(principal.claims.name), or "name" in the map');
    }
    return { kind: "has", at: node.start, operand: this.expression(operand.args[0]), field: operand.args[1] };
  }

  #method(node: ASTNode, name: string, target: ASTNode, operands: readonly ASTNode[]): Expression {
    const at = node.start;
    if (!iterations.has(name)) {
      const translated = operands.map((operand) => this.expression(operand));
      return { kind: "call", at, function: name, target: this.expression(target), arguments: translated };
    }
    const macro = name as Iteration;
    const [variable, second, third] = operands;
    const body = third ?? second;
    if (
      variable?.op !== "id" ||
      body === undefined ||
      second === undefined ||
      operands.length > (macro === "map" ? 3 : 2)
    ) {
      return this.#refuse(node, `${name} needs a name and a condition`, `write list.${name}(item, item == "x")`);
    }
    return {
      kind: "iterate",
      at,
      macro,
      range: this.expression(target),
      variable: variable.args,
      ...(third === undefined ? {} : { filter: this.expression(second) }),
      body: this.expression(body),
    };
  }
}

/** All operands of `a && b && c`, which the parser nests to the left. */
function chain(node: ASTNode, operator: "&&" | "||"): readonly ASTNode[] {
  const operands: ASTNode[] = [];
  let first = node;
  while (first.op === operator) {
    operands.push(first.args[1]);
    first = first.args[0];
  }
  return [first, ...operands.toReversed()];
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}

function isConstant(value: unknown): value is Constant {
  return (
    value === null || value instanceof Uint8Array || ["string", "number", "bigint", "boolean"].includes(typeof value)
  );
}

/** RE2: linear in the text, no look-around, no back-references. */
function re2(pattern: string): Matcher | undefined {
  try {
    const compiled = RE2JS.compile(pattern);
    return { size: compiled.programSize(), test: (text) => compiled.test(text) };
  } catch (error) {
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}

/** A time zone by IANA name. */
function timeZone(name: string): ZoneOffset | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    // A RangeError is the only way to learn that the name is unknown.
    return undefined;
  }
  return (epochMs) => offsetMinutes(format, epochMs);
}

function offsetMinutes(format: Intl.DateTimeFormat, epochMs: number): number {
  const parts = new Map(format.formatToParts(epochMs).map((part) => [part.type, part.value]));
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const year = parts.get("era") === "BC" ? 1 - number("year") : number("year");
  const local = new Date(0);
  local.setUTCFullYear(year, number("month") - 1, number("day"));
  local.setUTCHours(number("hour"), number("minute"), number("second"));
  return Math.round((local.getTime() - Math.floor(epochMs / 1000) * 1000) / 1000) / 60;
}
