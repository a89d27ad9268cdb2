import type { Decision } from "./decision-record.ts";

/** Decisions kept for `explain`; the oldest gives way. */
export const decisionsKept = 16_384;

/** The last decisions, found by id. */
export class DecisionRing {
  readonly #decisions: (Decision | undefined)[];
  readonly #places = new Map<string, number>();
  #next = 0;

  constructor(size = decisionsKept) {
    this.#decisions = Array.from({ length: size });
  }

  add(decision: Decision): void {
    const old = this.#decisions[this.#next];
    if (old !== undefined) this.#places.delete(old.id);
    this.#decisions[this.#next] = decision;
    this.#places.set(decision.id, this.#next);
    this.#next = (this.#next + 1) % this.#decisions.length;
  }

  find(id: string): Decision | undefined {
    const place = this.#places.get(id);
    return place === undefined ? undefined : this.#decisions[place];
  }

  get size(): number {
    return this.#places.size;
  }

  /** The newest decisions first, at most `count`. */
  *latest(count: number): Iterable<Decision> {
    for (let back = 1; back <= Math.min(count, this.#decisions.length); back++) {
      const decision = this.#decisions.at(this.#next - back);
      if (decision === undefined) return;
      yield decision;
    }
  }
}
