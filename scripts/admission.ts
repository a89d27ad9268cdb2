import { stringify } from "yaml";
import type { Crd, Schema } from "./crds.ts";

/** A check of whole objects that a schema cannot make: it cannot look at values of several types, nor at the namespace. */
interface Rule {
  readonly kinds: readonly string[];
  readonly expression: string;
  readonly message: string;
}

const rules = "(has(object.spec.access) && has(object.spec.access.rules) ? object.spec.access.rules : [])";
const limits = "(has(object.spec.limits) ? object.spec.limits : [])";
const policies = ["ApiPolicy", "ClusterApiPolicy"];

const semantic: readonly Rule[] = [
  {
    kinds: policies,
    expression: `${rules}.all(rule, !has(rule.require) || !has(rule.require.claims) || rule.require.claims.all(claim,
      ['equals', 'in', 'contains'].filter(form, form in claim).size() == 1))`,
    message: "write exactly one of equals, in and contains in each entry of require.claims",
  },
  {
    kinds: policies,
    expression: `${rules}.all(rule, !has(rule.require) || !has(rule.require.claims) || rule.require.claims.all(claim,
      !('in' in claim) || claim['in'].all(value, value != null)))`,
    message: "write text, a number, true or false in each entry of in",
  },
  {
    kinds: policies,
    expression: `${rules}.all(rule, !has(rule.require) || !has(rule.require.authenticated) || rule.require.authenticated ||
      !has(rule.require.claims))`,
    message: "remove authenticated: false from require: what else is demanded needs a principal",
  },
  {
    kinds: policies,
    expression: `${rules}.all(rule, !has(rule.require) || !has(rule.require.owner) || rule.match.all(m,
      m.path.contains('{' + rule.require.owner.path + '}') || m.path.contains('{' + rule.require.owner.path + ':')))`,
    message: "name in require.owner.path a parameter that every path of the rule has, or split the rule",
  },
  {
    kinds: policies,
    expression: `${limits}.all(limit, !has(limit.key) || limit.key.all(key, type(key) == string
      ? key in ['Principal', 'Credential', 'Session', 'SourceAddress', 'SourceNetwork', 'Entity', 'Operation']
      : type(key) == map && key.size() == 1 && ('claim' in key || 'header' in key)))`,
    message:
      "count in key per Principal, Credential, Session, SourceAddress, SourceNetwork, Operation, {claim: name} or {header: name}",
  },
  {
    kinds: policies,
    expression: `${limits}.all(limit, !has(limit.key) || limit.key.all(key, type(key) == string || !('header' in key) ||
      !(key.header in ['authorization', 'cookie', 'proxy-authorization', 'set-cookie'])))`,
    message: "count in key per Credential, Session or Principal: the value of that header is a secret",
  },
  {
    kinds: policies,
    expression: `${limits}.all(limit, !has(limit.key) || limit.key.all(key, limit.key.filter(other, other == key).size() == 1))`,
    message: "count in key per each thing once",
  },
  {
    kinds: ["ApiPolicy"],
    expression: `!has(object.spec.targetRefs) || object.spec.targetRefs.all(ref, ref.kind != 'Namespace' ||
      ref.name == object.metadata.namespace)`,
    message: "name in targetRefs the policy's own namespace, or write a ClusterApiPolicy with namespaces",
  },
];

/**
 * What the API server checks beside the schemas: a ValidatingAdmissionPolicy for each kind, which refuses unknown fields
 * and nulls below `spec` whoever writes them (the schemas keep both, else they would be dropped without a word), and what
 * needs a look at whole objects.
 */
export function admissionText(crds: readonly Crd[]): string {
  const head = [
    "# Made from the schemas by scripts/admission.ts; `make golden` rewrites it. The API server refuses here what it would",
    "# otherwise keep until the operator refuses it: fields that a kind does not have, fields without a value, and what",
    "# a schema cannot see.",
  ];
  const documents = crds.flatMap((crd) => [policyOf(crd), bindingOf(crd)]);
  return `${head.join("\n")}\n${documents.map((one) => stringify(one, { lineWidth: 0 })).join("---\n")}`;
}

const labels = { "app.kubernetes.io/part-of": "picket" };
const nameOf = ({ plural }: Crd): string => `picket-${plural}`;

function policyOf(crd: Crd): object {
  const levels = [...levelsOf(crd.spec, [])];
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: nameOf(crd), labels },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ["picket.dev"],
            apiVersions: ["v1alpha1"],
            operations: ["CREATE", "UPDATE"],
            resources: [crd.plural],
          },
        ],
      },
      variables: [
        ...levels.map((level, index) => ({ name: `level${index}`, expression: namesExpression(level) })),
        { name: "refusal", expression: refusalExpression(levels) },
      ],
      validations: [
        {
          expression: "variables.refusal == ''",
          // Told where the names are too long or strange for a message.
          message: "remove the fields that the kind does not have, and those without a value",
          messageExpression: "variables.refusal",
        },
        ...semantic
          .filter(({ kinds }) => kinds.includes(crd.kind))
          .map(({ expression, message }) => ({ expression: expression.replaceAll(/\n\s*/g, " "), message })),
      ],
    },
  };
}

function bindingOf(crd: Crd): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: nameOf(crd), labels },
    spec: { policyName: nameOf(crd), validationActions: ["Deny"] },
  };
}

/** One step down from `spec`: into a field, or into each entry of a list. */
type Step = { readonly field: string } | "each";

interface Level {
  readonly steps: readonly Step[];
  readonly fields: readonly string[];
}

/** Every mapping with fixed fields, from the outside. */
function* levelsOf(schema: Schema, steps: readonly Step[]): Generator<Level> {
  if (schema.properties !== undefined && schema.type === "object") {
    yield { steps, fields: Object.keys(schema.properties) };
    for (const [field, child] of Object.entries(schema.properties)) yield* levelsOf(child, [...steps, { field }]);
  }
  if (schema.items !== undefined) yield* levelsOf(schema.items, [...steps, "each"]);
}

/** Names of a level that the kind does not have, or that have no value; nothing but blanks when all is well. */
function namesExpression({ steps, fields }: Level): string {
  const known = fields.map((field) => `'${field}'`).join(", ");
  return descend("object.spec", steps, 0, (at) => `${at}.filter(k, !(k in [${known}]) || ${at}[k] == null).join(' ')`);
}

/** One sentence for each level that has such names; empty when all is well. */
function refusalExpression(levels: readonly Level[]): string {
  const rows = levels.map(({ steps, fields }, index) => {
    const path = `spec${steps.map((step) => (step === "each" ? "[]" : `.${step.field}`)).join("")}`;
    return `['${path}', variables.level${index}.trim(), '${fields.join(", ")}']`;
  });
  const sentence = "'in ' + l[0] + ' there is no field ' + l[1] + ', or it has no value; the fields there are ' + l[2]";
  return `[${rows.join(", ")}].filter(l, l[1] != '').map(l, ${sentence}).join('; ')`;
}

/** An expression that collects what `leaf` finds at the end of the steps, blank-separated. */
function descend(at: string, steps: readonly Step[], depth: number, leaf: (at: string) => string): string {
  const [step, ...rest] = steps;
  if (step === undefined) return leaf(at);
  if (step === "each") return `${at}.map(e${depth}, ${descend(`e${depth}`, rest, depth + 1, leaf)}).join(' ')`;
  const child = `${at}.${step.field}`;
  return `(has(${child}) && ${child} != null ? ${descend(child, rest, depth, leaf)} : '')`;
}
