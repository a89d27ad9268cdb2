import type { ParsedObject } from "../../../core/policy/parse.ts";
import { parseObject } from "../../../core/policy/parse.ts";
import type { ObjectProblem } from "../../../core/policy/problem.ts";
import { checkWhen } from "../../../platform/cel.ts";
import { readYamlFile } from "../../../platform/yaml.ts";

/** The objects of a text, and the problems of the text itself. */
export function readObjects(text: string): { readonly objects: ParsedObject[]; readonly problems: ObjectProblem[] } {
  const { documents, problems } = readYamlFile(text, "policies/a.yaml");
  return { objects: documents.map((document) => parseObject(document, { when: checkWhen })), problems: [...problems] };
}

/** Every problem of a text. */
export function problemsOf(text: string): readonly ObjectProblem[] {
  const { objects, problems } = readObjects(text);
  return [...problems, ...objects.flatMap((object) => (object.kind === "invalid" ? object.problems : []))];
}

/** The only object of a text; throws when it is not one that reads. */
export function readOne<K extends ParsedObject["kind"]>(kind: K, text: string): Extract<ParsedObject, { kind: K }> {
  const { objects, problems } = readObjects(text);
  const [object] = objects;
  if (problems.length > 0 || objects.length !== 1 || object?.kind !== kind) {
    throw new Error(`${object?.kind ?? "nothing"} was read: ${JSON.stringify(problemsOf(text))}`);
  }
  return object as Extract<ParsedObject, { kind: K }>;
}

/** A policy with these lines in its spec. */
export function policyText(...spec: readonly string[]): string {
  const head = [
    "apiVersion: picket.dev/v1alpha1",
    "kind: ApiPolicy",
    "metadata: { name: a, namespace: bank }",
    "spec:",
  ];
  return `${[...head, ...spec.map((line) => `  ${line}`)].join("\n")}\n`;
}
