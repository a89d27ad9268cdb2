import { parameterOf, parseTemplate } from "../../catalog/template.ts";
import type { Effect, OperationMatch, Requirement, Rule } from "../policy.ts";
import { label } from "./metadata.ts";
import { operations } from "./operation.ts";
import { childPlace, refuse, refuseType, type Place, type Reader } from "./place.ts";
import { list, optional, record, required } from "./record.ts";
import { noRequirement, requirement } from "./requirement.ts";
import { flag, word } from "./scalar.ts";

/** Rules of one policy. */
export const rulesMax = 128;
/** Characters of one `when`. */
export const whenCharactersMax = 1_024;

export const effects: Readonly<Record<string, Effect>> = { Allow: "allow", Deny: "deny" };

const condition: Reader<NonNullable<Rule["when"]>> = (place) => {
  const { value, report } = place;
  if (typeof value !== "string") {
    return refuseType(place, "an expression in quotes", "write when: 'request.hour < 20'");
  }
  if (value.length > whenCharactersMax) {
    const message = `has ${value.length} characters, more than ${whenCharactersMax}`;
    return refuse(place, "PKT0206", message, "split the rule in two");
  }
  const answer = report.checks.when(value);
  if ("checked" in answer) return { source: value, checked: answer.checked };
  const { message, column, try: fix } = answer.problem;
  const where = column === undefined ? "" : ` at character ${column}`;
  const columnInFile =
    column === undefined ? undefined : report.document.columnOf?.(place.path, Math.min(column - 1, value.length));
  report.add({
    code: "PKT0211",
    field: place.path,
    column: columnInFile,
    message: `the condition cannot be used${where}: ${message}`,
    fix,
  });
  return undefined;
};

const rule: Reader<Rule> = record({
  shape: {
    name: required(label, "give the rule a name; decisions and messages call it by it"),
    match: required(operations(1), 'write match: [{methods: [GET], path: "/v1/accounts/{id}"}]'),
    effect: required(word(effects), "write effect: Allow or effect: Deny"),
    require: optional(requirement),
    when: optional(condition),
    privileged: optional(flag),
  },
  misplaced: {
    methods: "write it inside match: [{methods: [GET], path: …}]",
    path: "write it inside match: [{path: …}]",
    scopes: "write it inside require: {scopes: […]}",
    claims: "write it inside require: {claims: […]}",
    owner: "write it inside require: {owner: {path: …, claim: …}}",
    requires: "write require",
    action: "write effect: Allow or effect: Deny",
    unless: "write when: with a condition that holds where the rule is meant",
  },
  check({ match, effect, require }, place) {
    if (effect === "deny" && require !== undefined) {
      const message = "a Deny rule demands nothing of the caller: it refuses whoever it matches";
      refuse(
        childPlace(place, "require", undefined),
        "PKT0209",
        message,
        "say whom it refuses with when, or allow others",
      );
    }
    checkOwner(match, require, place);
  },
  build: (values): Rule => ({
    name: values.name,
    effect: values.effect,
    match: values.match,
    require: values.require ?? noRequirement,
    when: values.when,
    privileged: values.privileged ?? false,
  }),
});

function checkOwner(
  match: readonly OperationMatch[] | undefined,
  require: Requirement | undefined,
  place: Place,
): void {
  const parameter = require?.owner?.path;
  if (parameter === undefined || match === undefined) return;
  for (const { path } of match) {
    const template = parseTemplate(path);
    if (template.kind === "problem" || parameterOf(template, parameter) >= 0) continue;
    const at = childPlace(childPlace(childPlace(place, "require", undefined), "owner", undefined), "path", undefined);
    const message = `${path} has no parameter {${parameter}}, so nobody could be its owner`;
    refuse(at, "PKT0209", message, "name a parameter that every path of the rule has, or split the rule");
  }
}

/** The `access` block. */
export const access = record({
  shape: {
    default: optional(word(effects)),
    rules: optional(list(rule, { max: rulesMax, unique: { key: ({ name }: Rule) => name, what: "name" } })),
  },
  misplaced: { defaultEffect: "write default: Deny" },
  build: (values) => ({ default: values.default, rules: values.rules ?? [] }),
});
