/**
 * Everything that can be wrong with an object in a file. Closed: messages, `picket explain CODE` and
 * docs/reference/errors.md use these codes and no others, and a code keeps its meaning for ever.
 */
export const problemCodes = {
  PKT0001: { name: "yaml-syntax", text: "The file is not well-formed YAML 1.2." },
  PKT0002: { name: "yaml-duplicate-key", text: "A mapping has a key twice; readers differ on which one counts." },
  PKT0003: { name: "yaml-too-large", text: "A file or document is larger than Picket reads." },
  PKT0004: { name: "yaml-too-deep", text: "A document is nested deeper than Picket reads." },
  PKT0005: { name: "yaml-too-many-documents", text: "A file holds more documents than Picket reads." },
  PKT0006: { name: "yaml-alias", text: "An alias points nowhere, or aliases make the document too large." },
  PKT0007: { name: "yaml-tag", text: "A value carries a tag; plain values are read by the rules of YAML 1.2 only." },
  PKT0008: { name: "yaml-key", text: "A key is not text." },
  PKT0009: { name: "file-encoding", text: "The file is not UTF-8 text." },
  PKT0010: {
    name: "file-unreadable",
    text: "A file cannot be read, is too large, or is a link that leads out of the folder.",
  },
  PKT0101: { name: "not-an-object", text: "A document is not an object with apiVersion, kind, metadata and spec." },
  PKT0102: { name: "unknown-kind", text: "The kind does not exist in the group picket.dev." },
  PKT0103: { name: "unknown-version", text: "The version of the group is not one that Picket reads." },
  PKT0104: { name: "bad-name", text: "A name is not one that Kubernetes accepts." },
  PKT0105: { name: "object-twice", text: "Two places hold an object of the same kind, namespace and name." },
  PKT0106: { name: "target-not-found", text: "A policy names a workload that is not there." },
  PKT0107: { name: "identity-not-found", text: "A policy names an identity that is not there." },
  PKT0108: { name: "address-taken", text: "A workload would listen where something else listens." },
  PKT0201: { name: "unknown-field", text: "The kind has no such field; an unknown field is never ignored." },
  PKT0202: {
    name: "unsupported",
    text: "The field or kind exists, but this version does not enforce it yet, so it is refused, not ignored.",
  },
  PKT0203: { name: "missing-field", text: "A field that is always needed is missing." },
  PKT0204: { name: "wrong-type", text: "A value has another type than the field takes; values are never converted." },
  PKT0205: { name: "unknown-value", text: "The value is not one of the words that the field takes." },
  PKT0206: { name: "out-of-bounds", text: "A number, length or count is outside the bounds of the field." },
  PKT0207: { name: "malformed", text: "A text is not written in the form that the field takes." },
  PKT0208: { name: "bad-path-template", text: "A path template cannot be read." },
  PKT0209: { name: "contradiction", text: "Two fields of the object do not go together, or one needs another." },
  PKT0210: { name: "duplicate", text: "Two entries of a list have the same name or value." },
  PKT0211: { name: "bad-condition", text: "A `when` is not a valid expression, or too costly." },
  PKT0212: { name: "floor-cannot", text: "A policy with strategy Floor says something that would not only tighten." },
  PKT0213: { name: "bad-key-set", text: "A JSON Web Key Set cannot be used." },
} as const satisfies Readonly<Record<string, { readonly name: string; readonly text: string }>>;

export type ProblemCode = keyof typeof problemCodes;

/** Problems kept of one object. Further ones are not kept: the object is refused anyway. */
export const objectProblemsMax = 50;

/** One thing that is wrong with an object, with its place and what to do. */
export interface ObjectProblem {
  readonly code: ProblemCode;
  readonly file: string;
  /** From 1; 0 where the source has no lines. */
  readonly line: number;
  /** From 1, where it is known exactly. */
  readonly column?: number | undefined;
  /** `spec.access.rules[2].require.scopes[0]`; empty for the document itself. */
  readonly field: string;
  /** One sentence without its full stop: what is wrong. */
  readonly message: string;
  /** One sentence without its full stop: what to write instead; printed after `try:`. */
  readonly fix: string;
}

/** `policies/accounts.yaml:12:7 spec.mode: "enforce" is not a mode [PKT0205]`, without the fix. */
export function printProblem(problem: ObjectProblem): string {
  const column = problem.column === undefined ? "" : `:${problem.column}`;
  const line = problem.line === 0 ? "" : `:${problem.line}${column}`;
  const field = problem.field === "" ? "" : ` ${problem.field}:`;
  return `${problem.file}${line}${field} ${problem.message} [${problem.code}]`;
}
