import type { CheckedExpression } from "../../expression/ast.ts";

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
