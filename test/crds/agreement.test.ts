import assert from "node:assert/strict";
import { apiVersion, parseObject } from "../../core/policy/parse.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readCrds, type Schema } from "../../scripts/crds.ts";
import { fieldOf, holding, nodesOf, type Node } from "./nodes.ts";

/** Kinds that the readers read; the others are refused whole. */
const read = readCrds().filter(({ kind }) => /Policy|Identity|Config/.test(kind));

interface Probe {
  readonly kind: string;
  readonly scope: string;
  readonly node: Node;
}

/** What the reader says when only this value stands at this place. */
function problemsWith({ kind, scope, node }: Probe, value: unknown): readonly ObjectProblem[] {
  const metadata = {
    name: kind === "PicketConfig" ? "default" : "a",
    ...(scope === "Cluster" ? {} : { namespace: "bank" }),
  };
  const object = { apiVersion, kind, metadata, ...(holding(node.steps, value) as object) };
  const parsed = parseObject({ file: "a", value: object, lineOf: () => 0 }, { when: checkWhen });
  return parsed.kind === "invalid" ? parsed.problems : [];
}

/** The same, of this place alone. */
function problemsAt(probe: Probe, value: unknown): readonly ObjectProblem[] {
  const field = fieldOf(probe.node.steps);
  return problemsWith(probe, value).filter((problem) => problem.field === field);
}

const isLater = ({ schema }: Node): boolean => schema.description?.includes("Not enforced by this version") === true;
const all: readonly Probe[] = read.flatMap(({ kind, scope, spec }) => {
  const nodes = [...nodesOf(spec, "spec")];
  const later = nodes.filter(isLater).map(({ path }) => path);
  const isBelow = ({ path }: Node): boolean =>
    later.some((one) => path.startsWith(`${one}.`) || path.startsWith(`${one}[`));
  return nodes.filter((node) => !isBelow(node)).map((node) => ({ kind, scope, node }));
});
const enforced = all.filter(({ node }) => !isLater(node));
const nameOf = ({ kind, node }: Probe): string => `${kind} ${node.path}`;

/** Places where the schema and the reader do not say the same. */
function disagreeing(
  probes: readonly Probe[],
  min: number,
  compare: (probe: Probe) => readonly [unknown, unknown],
): void {
  assert.ok(probes.length >= min, `only ${probes.length} places were looked at`);
  for (const probe of probes) {
    const [schema, reader] = compare(probe);
    assert.deepEqual(reader, schema, nameOf(probe));
  }
}

const wordsIn = (text: string): readonly string[] =>
  /one of ([A-Za-z0-9]+(?:, [A-Za-z0-9]+)*)/.exec(text)?.[1]?.split(", ") ?? [];
const isDuration = ({ schema }: Node): boolean => durationRule(schema) !== undefined;
const durationRule = (schema: Schema): string | undefined =>
  schema["x-kubernetes-validations"]?.find(({ message }) => message.startsWith("write a duration"))?.message;

describe("schemas and readers agree on", () => {
  it("the fields of every mapping", () => {
    const mappings = enforced.filter(({ node }) => node.schema.properties !== undefined);
    disagreeing(mappings, 40, (probe) => {
      const [found] = problemsWith(probe, { zzzzzzzzzzzzzzzz: 1 }).filter(({ field }) =>
        field.endsWith(".zzzzzzzzzzzzzzzz"),
      );
      const fields = /the fields here are (.*)$/.exec(found?.fix ?? "")?.[1]?.split(", ") ?? [];
      return [Object.keys(probe.node.schema.properties!).toSorted(), fields.toSorted()];
    });
  });

  it("the fields that are not enforced yet", () => {
    const fields = all.filter(({ node }) => node.name !== undefined && node.path.startsWith("spec."));
    disagreeing(fields, 130, (probe) => [
      isLater(probe.node),
      problemsAt(probe, {}).some(({ code }) => code === "PKT0202"),
    ]);
  });

  it("the fields that must be there", () => {
    // A schema says by a rule what must be there when several will do.
    const byRule = new Set(["spec.jwt", "spec.jwt[].jwks.inline", "spec.session.claim"]);
    const mappings = enforced.filter(
      ({ node }) => node.schema.properties !== undefined && node.schema.type === "object",
    );
    disagreeing(mappings, 40, (probe) => {
      const missing = problemsWith(probe, {}).filter(({ code }) => code === "PKT0203");
      const at = `${fieldOf(probe.node.steps)}.`;
      const names = missing.filter(({ field }) => field.startsWith(at)).map(({ field }) => field.slice(at.length));
      return [
        (probe.node.schema.required ?? []).toSorted(),
        names.filter((name) => !byRule.has(`${probe.node.path}.${name}`)).toSorted(),
      ];
    });
  });

  it("the words of every enum", () => {
    const enums = enforced.filter(({ node }) => node.schema.enum !== undefined);
    disagreeing(enums, 25, (probe) => {
      const { schema, path } = probe.node;
      for (const word of schema.enum!) assert.deepEqual(problemsAt(probe, word), [], `${path} ${word}`);
      const [problem] = problemsAt(probe, "zzzzzzzzzzzz");
      return [[...schema.enum!], wordsIn(`${problem?.message} ${problem?.fix}`)];
    });
  });

  it("the length of every text", () => {
    const texts = enforced.filter(
      ({ node }) => node.schema.maxLength !== undefined && !isDuration(node) && node.name !== "group",
    );
    disagreeing(texts, 45, (probe) => {
      // What may be a text or something else is looked at as a text.
      if (probe.node.path.endsWith(".key[]")) return [true, true];
      // The reader refuses a label that is too long as no label at all.
      if (probe.node.path.endsWith(".*")) return [1, problemsAt(probe, "a".repeat(64)).length];
      const max = probe.node.schema.maxLength!;
      assert.ok(problemsAt(probe, "").length > 0, `${nameOf(probe)} takes nothing`);
      const fits = problemsAt(probe, "a".repeat(max))
        .map(({ message }) => message)
        .filter((text) => /more than/.test(text));
      const [tooLong] = problemsAt(probe, "a".repeat(max + 1));
      return [
        [max, 0],
        [Number(/more than ([0-9]+)$/.exec(tooLong?.message ?? "")?.[1]), fits.length],
      ];
    });
  });

  it("the bounds of every duration, in the same words", () => {
    disagreeing(
      enforced.filter(({ node }) => isDuration(node)),
      8,
      (probe) => [durationRule(probe.node.schema), problemsAt(probe, "zz")[0]?.fix],
    );
  });

  it("the bounds of every number", () => {
    const numbers = enforced.filter(({ node }) => node.schema.type === "integer");
    disagreeing(numbers, 12, (probe) => {
      const { minimum, maximum } = probe.node.schema;
      const alone = [...problemsAt(probe, minimum), ...problemsAt(probe, maximum)];
      // What another field says about it is nothing here.
      assert.deepEqual(
        alone.filter(({ code }) => code !== "PKT0209"),
        [],
        nameOf(probe),
      );
      const [problem] = problemsAt(probe, maximum! + 1);
      return [`write a whole number from ${minimum} to ${maximum}`, problem?.fix];
    });
  });

  it("the size of every list and map", () => {
    const lists = enforced.filter(({ node }) => node.schema.maxItems !== undefined && node.schema.type === "array");
    disagreeing(lists, 30, (probe) => {
      const { minItems = 0, maxItems = 0 } = probe.node.schema;
      const [tooMany] = problemsAt(probe, Array(maxItems + 1).fill(0));
      const most = Number(/more than ([0-9]+)$/.exec(tooMany?.message ?? "")?.[1]);
      const least = Number(/at least ([0-9]+)/.exec(problemsAt(probe, [])[0]?.message ?? "0 at least 0")?.[1]);
      assert.ok(
        !problemsAt(probe, Array(maxItems).fill(0)).some(({ message }) => /more than/.test(message)),
        nameOf(probe),
      );
      return [
        [minItems, maxItems],
        [least, most],
      ];
    });
    const maps = enforced.filter(({ node }) => node.schema.additionalProperties !== undefined);
    disagreeing(maps, 1, (probe) => {
      const { maxProperties = 0 } = probe.node.schema;
      const labels = (size: number): object =>
        Object.fromEntries(Array.from({ length: size }, (_, i) => [`l${i}`, "x"]));
      assert.deepEqual(problemsAt(probe, labels(maxProperties)), []);
      const [tooMany] = problemsAt(probe, labels(maxProperties + 1));
      return [`has ${maxProperties + 1} labels, more than ${maxProperties}`, tooMany?.message];
    });
  });

  it("the type of every field", () => {
    const right: Readonly<Record<string, unknown>> = { object: {}, array: [], string: "a", integer: 1, boolean: true };
    const typed = enforced.filter(({ node }) => node.schema.type !== undefined);
    assert.ok(typed.length > 130);
    for (const probe of typed) {
      for (const [type, value] of Object.entries(right)) {
        const isRefused = problemsAt(probe, value).some(({ code }) => code === "PKT0204");
        assert.equal(isRefused, type !== probe.node.schema.type, `${nameOf(probe)} ${type}`);
      }
      assert.ok(problemsWith(probe, null).length > 0, `${nameOf(probe)} takes nothing at all`);
    }
  });

  it("an object that demands nothing", () => {
    const probe = enforced.find(({ node }) => node.path === "spec.access.rules[].require")!;
    assert.equal(probe.node.schema.minProperties, 1);
    assert.deepEqual(
      problemsAt(probe, {}).map(({ code }) => code),
      ["PKT0203"],
    );
  });
});
