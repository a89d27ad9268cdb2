import { boundedEntry, itemAt, presence, present } from "./entry.ts";
import { walks, type Cell } from "./iterate.ts";
import { shapeProblem } from "./shape.ts";
import { constantField, dottedName, fieldOf, type KeyedField, type Schema, type Variable } from "./activation.ts";
import { add, divide, int, multiply, negate, remainder, subtract, uint } from "./arithmetic.ts";
import type { Expression, ExpressionProblem, ParsedExpression } from "./ast.ts";
import { expressionCostMax, listSizeMax, matchTextMax, patternSizeMax, stringSizeMax } from "./bounds.ts";
import { contains, equals, greater, greaterOrEqual, less, lessOrEqual } from "./compare.ts";
import { costOf } from "./cost.ts";
import { binaryFunctions, unaryFunctions } from "./functions.ts";
import { fixedOffset, timestampPart, timestampParts, type TimestampPart, type ZoneOffset } from "./time.ts";
import {
  bounded,
  EntryMap,
  entryOf,
  EvaluationError,
  isList,
  isMap,
  keysOf,
  mapKey,
  Timestamp,
  tooLarge,
  typeNames,
  wrongType,
  type MapKey,
  type Result,
  type Value,
} from "./value.ts";

/** A compiled regular expression: true when it is found anywhere in the text. RE2 semantics, linear time. */
export interface Matcher {
  /** Instructions of its program: work per character. */
  readonly size: number;
  test(text: string): boolean;
}

/** What expressions are compiled against. Packages stay out of core: regular expressions and zones come from outside. */
export interface Environment<C> {
  readonly schema: Schema<C>;
  /** Undefined when the pattern is not RE2. */
  regex(pattern: string): Matcher | undefined;
  /** A zone by its IANA name, `Europe/Prague`; undefined when there is none. */
  zone(name: string): ZoneOffset | undefined;
}

/** A part of an expression as a function of its context. Never throws for any context that keeps to the schema. */
export type Evaluate<C> = (context: C) => Result;

/** A compiled `when`. */
export interface CompiledWhen<C> {
  /** Static cost in units of about 10 ns, at most `expressionCostMax`. */
  readonly cost: number;
  /**
   * True, false, or the error that left it without an answer. Never throws. An Allow rule applies only on `=== true`,
   * a Deny rule on everything but `=== false`: never test the result for truth.
   */
  evaluate(context: C): boolean | EvaluationError;
}

export type CompileResult<T> =
  { readonly kind: "compiled"; readonly when: T } | { readonly kind: "refused"; readonly problem: ExpressionProblem };

const internalError = new EvaluationError("internal");

/** Compiles a `when`: its result must be a bool, anything else is the evaluation error `type`. */
export function compileWhen<C>(checked: ParsedExpression, environment: Environment<C>): CompileResult<CompiledWhen<C>> {
  const compiled = compileExpression(checked.root, environment);
  if (compiled.kind === "refused") return compiled;
  const { run, cost } = compiled.when;
  const evaluate = (context: C): boolean | EvaluationError => {
    try {
      const result = run(context);
      if (typeof result === "boolean" || result instanceof EvaluationError) return result;
      return wrongType;
    } catch {
      // Only a bug, or a text too long for the engine, gets here; silence must not become consent.
      return internalError;
    }
  };
  return { kind: "compiled", when: { cost, evaluate } };
}

/** Compiles an expression of any type within the bounds on size, depth, iteration and cost. */
export function compileExpression<C>(
  root: Expression,
  environment: Environment<C>,
): CompileResult<{ readonly run: Evaluate<C>; readonly cost: number }> {
  const shape = shapeProblem(root);
  if (shape !== undefined) return { kind: "refused", problem: shape };
  const compiler = new Compiler(environment);
  const { run } = compiler.compile(root);
  if (compiler.problem !== undefined) return { kind: "refused", problem: compiler.problem };
  const cost = costOf(root, environment.schema, compiler.programs);
  if (cost > expressionCostMax) {
    const message = `it may cost ${cost} units per request, at most ${expressionCostMax} are allowed`;
    const advice = "compare with == or in instead of iterating or matching, or split the rule in two";
    return { kind: "refused", problem: { message, at: root.at, try: advice } };
  }
  return { kind: "compiled", when: { run, cost } };
}

/** A compiled part; `constant` when its value does not depend on the context. */
interface Part<C> {
  readonly run: Evaluate<C>;
  readonly constant?: Result;
}

type Binary = (left: Value, right: Value) => Result;

const binaryOperators: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ["==", equals],
  ["!=", (left, right) => not(equals(left, right))],
  ["<", less],
  ["<=", lessOrEqual],
  [">", greater],
  [">=", greaterOrEqual],
  ["in", contains],
  ["+", add],
  ["-", subtract],
  ["*", multiply],
  ["/", divide],
  ["%", remainder],
]);

const mirrored: ReadonlyMap<string, string> = new Map([
  ["==", "=="],
  ["!=", "!="],
  ["<", ">"],
  ["<=", ">="],
  [">", "<"],
  [">=", "<="],
]);

class Compiler<C> {
  readonly #environment: Environment<C>;
  readonly #cells = new Map<string, Cell>();
  /** Size of each regular expression that was compiled. */
  readonly programs = new Map<string, number>();
  problem: ExpressionProblem | undefined;

  constructor(environment: Environment<C>) {
    this.#environment = environment;
  }

  compile(node: Expression): Part<C> {
    const field = this.#field(node);
    if (field !== undefined) return this.#read(node, field);
    switch (node.kind) {
      case "literal":
        return this.#literal(node);
      case "variable":
        return this.#variable(node);
      case "select":
        return this.#select(node);
      case "has":
        return this.#has(node);
      case "index":
        return this.#index(node);
      case "call":
        return this.#call(node);
      case "list":
        return this.#list(node);
      case "map":
        return this.#map(node);
      case "iterate":
        return this.#iterate(node);
    }
  }

  #field(node: Expression): Variable<C> | undefined {
    return fieldOf(this.#environment.schema, node, (name) => this.#cells.has(name));
  }

  /** Keeps the first problem; what is returned is never run. */
  #refuse(node: Expression, message: string, advice: string): Part<C> {
    this.problem ??= { message, at: node.at, try: advice };
    return { run: () => internalError };
  }

  #read(node: Expression, field: Variable<C>): Part<C> {
    const name = describe(node);
    const absent = new EvaluationError("missing", name);
    switch (field.kind) {
      case "value": {
        const sizeMax = field.sizeMax ?? stringSizeMax;
        return { run: (context) => present(field.read(context), absent, sizeMax) };
      }
      case "integer":
        return {
          run: (context) => {
            const value = field.read(context);
            return value === undefined ? absent : BigInt(value);
          },
        };
      case "texts":
        return {
          run: (context) => {
            const value = field.read(context);
            return value instanceof EvaluationError ? value : bounded(value);
          },
        };
      case "keyed":
        return this.#refuse(node, `${name} cannot be used as a whole`, `ask for one entry: ${name}["name"]`);
      case "fields": {
        const first = field.fields.keys().next().value ?? "field";
        return this.#refuse(node, `${name} cannot be used as a whole`, `ask for one field: ${name}.${first}`);
      }
    }
  }

  #literal(node: Expression & { kind: "literal" }): Part<C> {
    const { value } = node;
    if (typeof value !== "bigint") return constantPart(value);
    const number = node.uint === true ? uint(value) : int(value);
    if (!(number instanceof EvaluationError)) return constantPart(number);
    return this.#refuse(node, `the number ${value} does not fit 64 bits`, "write a smaller number");
  }

  #variable(node: Expression & { kind: "variable" }): Part<C> {
    const cell = this.#cells.get(node.name);
    if (cell !== undefined) return { run: () => cell.value };
    const type = typeNames.get(node.name);
    if (type !== undefined) return constantPart(type);
    const known = [...this.#environment.schema.keys()].join(", ");
    return this.#refuse(node, `there is no variable ${node.name}`, `use one of ${known}`);
  }

  #select(node: Expression & { kind: "select" }): Part<C> {
    const owner = this.#field(node.operand);
    if (owner?.kind === "keyed") return this.#entry(node, owner, node.field);
    if (owner?.kind === "fields") return this.#unknownField(node, owner, node.field);
    const type = this.#typeName(node);
    if (type !== undefined) return type;
    const operand = this.compile(node.operand).run;
    const { field } = node;
    const absent = new EvaluationError("missing", describe(node));
    return {
      run: (context) => {
        const value = operand(context);
        if (value instanceof EvaluationError) return value;
        return isMap(value) ? boundedEntry(value, field, absent) : wrongType;
      },
    };
  }

  /** `google.protobuf.Timestamp` and the like, unless a variable has the first name. */
  #typeName(node: Expression): Part<C> | undefined {
    const name = dottedName(node);
    const type = name === undefined ? undefined : typeNames.get(name);
    if (type === undefined || name === undefined) return undefined;
    const first = name.slice(0, name.indexOf("."));
    return this.#cells.has(first) || this.#environment.schema.has(first) ? undefined : constantPart(type);
  }

  #unknownField(node: Expression, owner: Variable<C> & { kind: "fields" }, name: string): Part<C> {
    return this.#refuse(node, `there is no field ${name}`, `use one of ${[...owner.fields.keys()].join(", ")}`);
  }

  #entry(node: Expression, field: KeyedField<C>, name: string): Part<C> {
    const key = field.normalise?.(name) ?? name;
    const absent = new EvaluationError("missing", describe(node));
    const sizeMax = field.sizeMax ?? stringSizeMax;
    return { run: (context) => present(field.entry(context, key), absent, sizeMax) };
  }

  #has(node: Expression & { kind: "has" }): Part<C> {
    const owner = this.#field(node.operand);
    const { field: name } = node;
    if (owner?.kind === "fields") {
      const field = owner.fields.get(name);
      if (field === undefined) return this.#unknownField(node, owner, name);
      if (field.kind === "keyed") return constantPart(true);
      return { run: (context) => presence(field.read(context)) };
    }
    if (owner?.kind === "keyed") {
      const key = owner.normalise?.(name) ?? name;
      return { run: (context) => presence(owner.entry(context, key)) };
    }
    const operand = this.compile(node.operand).run;
    return {
      run: (context) => {
        const value = operand(context);
        if (value instanceof EvaluationError) return value;
        return isMap(value) ? entryOf(value, name) !== undefined : wrongType;
      },
    };
  }

  #index(node: Expression & { kind: "index" }): Part<C> {
    const owner = this.#field(node.operand);
    const name = constantField(node);
    if (owner?.kind === "fields") {
      if (name !== undefined) return this.#unknownField(node, owner, name);
      const first = owner.fields.keys().next().value ?? "field";
      return this.#refuse(node, "the name of a field must be written out", `write ${describe(node.operand)}.${first}`);
    }
    if (owner?.kind === "keyed") {
      if (name !== undefined) return this.#entry(node, owner, name);
      return this.#dynamicEntry(node, owner);
    }
    const operand = this.compile(node.operand).run;
    const key = this.compile(node.key).run;
    const absent = new EvaluationError("missing", describe(node));
    return {
      run: (context) => {
        const value = operand(context);
        if (value instanceof EvaluationError) return value;
        const at = key(context);
        if (at instanceof EvaluationError) return at;
        if (isList(value)) return itemAt(value, at);
        return isMap(value) ? boundedEntry(value, at, absent) : wrongType;
      },
    };
  }

  #dynamicEntry(node: Expression & { kind: "index" }, field: KeyedField<C>): Part<C> {
    const key = this.compile(node.key).run;
    const absent = new EvaluationError("missing", describe(node));
    const sizeMax = field.sizeMax ?? stringSizeMax;
    return {
      run: (context) => {
        const name = key(context);
        if (name instanceof EvaluationError) return name;
        if (typeof name !== "string") return wrongType;
        return present(field.entry(context, field.normalise?.(name) ?? name), absent, sizeMax);
      },
    };
  }

  #list(node: Expression & { kind: "list" }): Part<C> {
    if (node.items.length > listSizeMax) {
      return this.#refuse(node, `a list has more than ${listSizeMax} items`, "split the rule in two");
    }
    const parts = node.items.map((item) => this.compile(item));
    const constants = constantsOf(parts);
    if (constants !== undefined) return constantPart(constants);
    const runs = parts.map((part) => part.run);
    return {
      run: (context) => {
        const items: Value[] = [];
        for (const run of runs) {
          const item = run(context);
          if (item instanceof EvaluationError) return item;
          items.push(item);
        }
        return items;
      },
    };
  }

  #map(node: Expression & { kind: "map" }): Part<C> {
    const entries = node.entries.map(({ key, value }) => ({
      key: this.compile(key).run,
      value: this.compile(value).run,
    }));
    return {
      run: (context) => {
        const found = new Map<MapKey, { key: Value; value: Value }>();
        for (const entry of entries) {
          const key = entry.key(context);
          if (key instanceof EvaluationError) return key;
          const value = entry.value(context);
          if (value instanceof EvaluationError) return value;
          const name = typeof key === "number" ? undefined : mapKey(key);
          // A double is no key, and no key may come twice.
          if (name === undefined || found.has(name)) return wrongType;
          found.set(name, { key, value });
        }
        return new EntryMap(found);
      },
    };
  }

  #call(node: Expression & { kind: "call" }): Part<C> {
    const name = node.function;
    if (node.target === undefined) {
      const operator = this.#operator(node);
      if (operator !== undefined) return operator;
    }
    if (name === "matches") return this.#matches(node);
    const operands = node.target === undefined ? node.arguments : [node.target, ...node.arguments];
    const unary = unaryFunctions.get(name);
    const isMethod = node.target !== undefined;
    if (unary !== undefined && operands.length === 1 && unary.form !== (isMethod ? "global" : "method")) {
      return this.#apply(operands[0]!, (value) => unary.apply(value));
    }
    if (isMethod && operands.length === 2) {
      const binary = binaryFunctions.get(name);
      if (binary !== undefined) return this.#binary(operands[0]!, operands[1]!, (a, b) => binary.apply(a, b));
      const part = timestampParts.get(name);
      if (part !== undefined) return this.#partInZone(operands[0]!, operands[1]!, part);
    }
    const form = unary === undefined && !binaryFunctions.has(name) ? "is not offered" : "is not called like this";
    const offered = [...unaryFunctions.keys(), "matches", ...binaryFunctions.keys(), "has", "all", "exists"];
    return this.#refuse(node, `the function ${name} ${form}`, `use one of ${offered.join(", ")}`);
  }

  #operator(node: Expression & { kind: "call" }): Part<C> | undefined {
    const [first, second, third] = node.arguments;
    if (first === undefined) return undefined;
    switch (node.function) {
      case "&&":
        return this.#logical(node.arguments, false);
      case "||":
        return this.#logical(node.arguments, true);
      case "!":
        return this.#apply(first, not);
      case "-":
        if (second === undefined) return this.#apply(first, negate);
        break;
      case "?:":
        if (second !== undefined && third !== undefined) return this.#choice(first, second, third);
    }
    const binary = binaryOperators.get(node.function);
    if (binary === undefined || second === undefined) return undefined;
    if (node.function === "in") return this.#membership(first, second);
    return this.#comparison(node.function, first, second) ?? this.#binary(first, second, binary);
  }

  /** One operand that is `decisive` settles the answer, whatever errors the others give (CEL, "Logical operators"). */
  #logical(operands: readonly Expression[], decisive: boolean): Part<C> {
    const runs = operands.map((operand) => this.compile(operand).run);
    return {
      run: (context) => {
        let failed: EvaluationError | undefined;
        for (let i = 0; i < runs.length; i++) {
          const value = runs[i]!(context);
          if (value === decisive) return decisive;
          if (value !== !decisive) failed ??= value instanceof EvaluationError ? value : wrongType;
        }
        return failed ?? !decisive;
      },
    };
  }

  #choice(condition: Expression, yes: Expression, no: Expression): Part<C> {
    const [test, left, right] = [this.compile(condition).run, this.compile(yes).run, this.compile(no).run];
    return {
      run: (context) => {
        const value = test(context);
        if (value === true) return left(context);
        if (value === false) return right(context);
        return value instanceof EvaluationError ? value : wrongType;
      },
    };
  }

  #apply(operand: Expression, apply: (value: Value) => Result): Part<C> {
    const part = this.compile(operand);
    const { constant, run } = part;
    if (constant !== undefined && !(constant instanceof EvaluationError)) return constantPart(apply(constant));
    return {
      run: (context) => {
        const value = run(context);
        return value instanceof EvaluationError ? value : apply(value);
      },
    };
  }

  #binary(left: Expression, right: Expression, apply: Binary): Part<C> {
    const [first, second] = [this.compile(left).run, this.compile(right).run];
    return {
      run: (context) => {
        const a = first(context);
        if (a instanceof EvaluationError) return a;
        const b = second(context);
        return b instanceof EvaluationError ? b : apply(a, b);
      },
    };
  }

  /** The comparisons that usual rules are made of: with a constant, without bigint and without a deep comparison. */
  #comparison(operator: string, left: Expression, right: Expression): Part<C> | undefined {
    const other = mirrored.get(operator);
    if (other === undefined) return undefined;
    if (left.kind === "literal" && right.kind !== "literal") return this.#comparison(other, right, left);
    if (right.kind !== "literal" || right.uint === true) return undefined;
    const { value } = right;
    const number = typeof value === "bigint" && BigInt.asIntN(53, value) === value ? Number(value) : undefined;
    const field = this.#field(left);
    if (field?.kind === "integer" && number !== undefined) {
      const absent = new EvaluationError("missing", describe(left));
      const test = integerTest(operator, number);
      return {
        run: (context) => {
          const found = field.read(context);
          return found === undefined ? absent : test(found);
        },
      };
    }
    if (operator !== "==" && operator !== "!=") return undefined;
    const wanted = operator === "==";
    if (typeof value === "string" || typeof value === "boolean" || value === null) {
      const run = this.compile(left).run;
      return {
        run: (context) => {
          const found = run(context);
          return found instanceof EvaluationError ? found : (found === value) === wanted;
        },
      };
    }
    return undefined;
  }

  #membership(item: Expression, within: Expression): Part<C> {
    const owner = this.#field(within);
    const run = this.compile(item).run;
    if (owner?.kind === "texts") {
      return {
        run: (context) => {
          const text = run(context);
          if (text instanceof EvaluationError) return text;
          return typeof text === "string" ? owner.includes(context, text) : false;
        },
      };
    }
    if (owner?.kind === "keyed") {
      return {
        run: (context) => {
          const name = run(context);
          if (name instanceof EvaluationError) return name;
          if (typeof name !== "string") return false;
          return presence(owner.entry(context, owner.normalise?.(name) ?? name));
        },
      };
    }
    const list = this.compile(within);
    const texts = textsOf(list.constant);
    if (texts !== undefined) {
      return {
        run: (context) => {
          const text = run(context);
          if (text instanceof EvaluationError) return text;
          return typeof text === "string" && texts.has(text);
        },
      };
    }
    if (item.kind === "literal" && typeof item.value === "string") {
      const text = item.value;
      return {
        run: (context) => {
          const value = list.run(context);
          if (value instanceof EvaluationError) return value;
          return isList(value) ? value.includes(text) : contains(text, value);
        },
      };
    }
    return this.#binary(item, within, contains);
  }

  #matches(node: Expression & { kind: "call" }): Part<C> {
    const operands = node.target === undefined ? node.arguments : [node.target, ...node.arguments];
    const [text, pattern] = operands;
    if (text === undefined || pattern === undefined || operands.length !== 2) {
      return this.#refuse(node, "matches takes one pattern", 'write text.matches("pattern")');
    }
    if (pattern.kind !== "literal" || typeof pattern.value !== "string") {
      return this.#refuse(pattern, "the pattern of matches must be written out", 'write text.matches("pattern")');
    }
    if (pattern.value.length > patternSizeMax) {
      const message = `the pattern is ${pattern.value.length} characters long, at most ${patternSizeMax} are allowed`;
      return this.#refuse(pattern, message, "shorten it, or use startsWith, endsWith or in");
    }
    const matcher = this.#environment.regex(pattern.value);
    if (matcher === undefined) {
      const advice = "use RE2 syntax: no look-around, no back-references";
      return this.#refuse(pattern, "the pattern is not a regular expression of RE2", advice);
    }
    this.programs.set(pattern.value, matcher.size);
    return this.#apply(text, (value) => {
      if (typeof value !== "string") return wrongType;
      return value.length > matchTextMax ? tooLarge : matcher.test(value);
    });
  }

  #partInZone(target: Expression, zone: Expression, part: TimestampPart): Part<C> {
    if (zone.kind !== "literal" || typeof zone.value !== "string") {
      return this.#refuse(zone, "the time zone must be written out", 'write now.getHours("Europe/Prague")');
    }
    const fixed = fixedOffset(zone.value);
    const offset = fixed === undefined ? this.#environment.zone(zone.value) : (): number => fixed;
    if (offset === undefined) {
      return this.#refuse(zone, `there is no time zone ${zone.value}`, 'write "Europe/Prague" or "+01:00"');
    }
    return this.#apply(target, (value) =>
      value instanceof Timestamp ? timestampPart(value, part, offset) : wrongType,
    );
  }

  #iterate(node: Expression & { kind: "iterate" }): Part<C> {
    const range = this.compile(node.range).run;
    const cell: Cell = { value: null };
    const outer = this.#cells.get(node.variable);
    this.#cells.set(node.variable, cell);
    const filter = node.filter === undefined ? undefined : this.compile(node.filter).run;
    const body = this.compile(node.body).run;
    if (outer === undefined) this.#cells.delete(node.variable);
    else this.#cells.set(node.variable, outer);
    const walk = walks[node.macro];
    return {
      run: (context) => {
        const value = range(context);
        if (value instanceof EvaluationError) return value;
        const items = isList(value) ? value : isMap(value) ? keysOf(value) : wrongType;
        if (items instanceof EvaluationError) return items;
        if (items.length > listSizeMax) return tooLarge;
        const result = walk(items, cell, () => body(context), filter === undefined ? undefined : () => filter(context));
        cell.value = null;
        return result;
      },
    };
  }
}

function not(value: Result): Result {
  if (typeof value === "boolean") return !value;
  return value instanceof EvaluationError ? value : wrongType;
}

function constantPart<C>(constant: Result): Part<C> {
  return { run: () => constant, constant };
}

function constantsOf<C>(parts: readonly Part<C>[]): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const { constant } of parts) {
    if (constant === undefined || constant instanceof EvaluationError) return undefined;
    values.push(constant);
  }
  return values;
}

function textsOf(constant: Result | undefined): ReadonlySet<string> | undefined {
  if (constant === undefined || constant instanceof EvaluationError || !isList(constant)) return undefined;
  const texts = constant.filter((item) => typeof item === "string");
  return texts.length === constant.length ? new Set(texts) : undefined;
}

function integerTest(operator: string, constant: number): (value: number) => boolean {
  switch (operator) {
    case "<":
      return (value) => value < constant;
    case "<=":
      return (value) => value <= constant;
    case ">":
      return (value) => value > constant;
    case ">=":
      return (value) => value >= constant;
    case "!=":
      return (value) => value !== constant;
    default:
      return (value) => value === constant;
  }
}

/** The words of the policy for a part, for messages. */
function describe(node: Expression): string {
  const name = constantField(node);
  switch (node.kind) {
    case "variable":
      return node.name;
    case "select":
      return `${describe(node.operand)}.${node.field}`;
    case "index":
      return `${describe(node.operand)}[${name === undefined ? "…" : JSON.stringify(name)}]`;
    default:
      return "…";
  }
}
