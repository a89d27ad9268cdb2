import type { CheckedExpression } from "../expression/ast.ts";
import type { Identity, InstallConfig, Workload } from "./identity.ts";
import type { ObjectId, Policy, Target } from "./policy.ts";
import type { ObjectProblem } from "./problem.ts";
import type { SourceDocument } from "./parse/source-document.ts";

/** What reading an object needs from outside core: the checker of conditions (platform/cel.ts `checkWhen`). */
export interface ObjectChecks {
  readonly when: (source: string) => WhenCheck;
}

export type WhenCheck =
  | { readonly checked: CheckedExpression }
  | {
      readonly problem: {
        readonly message: string;
        /** From 1, in the text of the condition. */
        readonly column?: number | undefined;
        readonly try: string;
      };
    };

/** What a document turned out to be. */
export type ParsedObject =
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "identity"; readonly identity: Identity }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "config"; readonly config: InstallConfig }
  /** An object of another group, such as a Deployment. */
  | { readonly kind: "skipped" }
  | {
      readonly kind: "invalid";
      /** Present when kind and name could be read. */
      readonly id?: ObjectId | undefined;
      /** Present when it is a policy whose target could be read, so that its workloads can be kept closed. */
      readonly target?: Target | undefined;
      readonly problems: readonly ObjectProblem[];
    };

/** The group and version of Picket's own kinds. */
export const apiVersion = "picket.dev/v1alpha1";

/**
 * Reads one document into a domain object. All problems of the object are told at once; an object with a problem is
 * never used in part. Nothing is ignored: an unknown field, or one that this version does not enforce, is a problem.
 * Never throws, whatever the value is.
 */
export function parseObject(document: SourceDocument, checks: ObjectChecks): ParsedObject {
  void checks;
  const problem = { code: "PKT0102", file: document.file, line: document.lineOf("kind"), field: "kind" } as const;
  return { kind: "invalid", problems: [{ ...problem, message: "no kind is read yet", fix: "wait for the readers" }] };
}
