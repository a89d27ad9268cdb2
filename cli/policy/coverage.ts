import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { Verdict } from "../../core/verdict/verdict.ts";

/** How often one rule or limit decided. */
export interface CoverageRow {
  readonly policy: string;
  readonly rule: string;
  readonly kind: "allow" | "deny" | "limit";
  readonly allowed: number;
  readonly refused: number;
  /** An Allow rule must have allowed, a Deny rule or limit refused, at least once. */
  readonly isCovered: boolean;
}

/** Counts which rules of the tested policies decided anything. */
export class Coverage {
  readonly #rows = new Map<
    string,
    { policy: string; rule: string; kind: CoverageRow["kind"]; allowed: number; refused: number }
  >();

  add(effective: EffectivePolicy): void {
    for (const gate of effective.gates) {
      for (const { policy, name, effect } of gate.rules) this.#ensure(policy, name, effect);
    }
    for (const { policy, name } of effective.limits) this.#ensure(policy, name, "limit");
  }

  hit({ kind, reason, evidence: { policy, rule } }: Verdict): void {
    if (policy === undefined || rule === undefined) return;
    const isLimit = reason === "limit-exceeded";
    const row = (isLimit ? ["limit"] : ["allow", "deny"])
      .map((one) => this.#rows.get(keyOf(policy, rule, one)))
      .find((found) => found !== undefined);
    if (row === undefined) return;
    if (kind === "allow") row.allowed++;
    else row.refused++;
  }

  rows(): readonly CoverageRow[] {
    return [...this.#rows.values()].map((row) => ({
      ...row,
      isCovered: row.kind === "allow" ? row.allowed > 0 : row.refused > 0,
    }));
  }

  /** Share of rules and limits that are covered, 0 to 100; 100 when there is none. */
  percent(): number {
    const rows = this.rows();
    return rows.length === 0 ? 100 : (rows.filter(({ isCovered }) => isCovered).length * 100) / rows.length;
  }

  #ensure(policy: string, rule: string, kind: CoverageRow["kind"]): void {
    const key = keyOf(policy, rule, kind);
    if (!this.#rows.has(key)) this.#rows.set(key, { policy, rule, kind, allowed: 0, refused: 0 });
  }
}

function keyOf(policy: string, rule: string, kind: string): string {
  return `${kind} ${policy} ${rule}`;
}
