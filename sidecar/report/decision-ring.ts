import type { Decision } from "./decision-record.ts";

/** Decisions kept for `explain`; the oldest gives way. */
export const decisionsKept = 16_384;

/** The same where each decision keeps what was judged, up to 32 KB of path. */
export const decisionsWithViewsKept = 512;

/** The last decisions. The number of a decision is its place, so that keeping one costs a single write. */
export class DecisionRing {
  readonly #decisions: (Decision | undefined)[];
  #newest = 0;

  constructor(size = decisionsKept) {
    this.#decisions = Array.from({ length: size }, () => undefined);
  }

  add(decision: Decision): void {
    this.#newest = decision.number;
    this.#decisions[decision.number % this.#decisions.length] = decision;
  }

  /** `number` is what the decision's id was made from. */
  find(id: string, number: number): Decision | undefined {
    const decision = this.#decisions[number % this.#decisions.length];
    return decision?.id === id ? decision : undefined;
  }

  get size(): number {
    return this.#decisions.reduce((count, decision) => (decision === undefined ? count : count + 1), 0);
  }

  /** The newest decisions first, at most `count`. */
  *latest(count: number): Iterable<Decision> {
    const size = this.#decisions.length;
    for (let back = 0; back < Math.min(count, size); back++) {
      const decision = this.#decisions[(((this.#newest - back) % size) + size) % size];
      if (decision !== undefined) yield decision;
    }
  }
}
