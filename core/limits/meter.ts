/** The numbers of all keys of one limit, side by side in typed arrays: what a garbage collector need not walk. */
export interface MeterStore {
  /** `numbersPerKey` numbers of slot s start at s * numbersPerKey. */
  readonly numbers: Float64Array;
  readonly counts: Uint32Array;
}

/**
 * One way of counting. A fold over steady time (see steady-time.ts): `atMs` is whole and never decreases from call to
 * call. A slot of zeros is a key that was never counted.
 */
export interface Meter {
  readonly numbersPerKey: number;
  readonly countsPerKey: number;
  /** Share of the allowance in use: 0 when forgetting the key loses nothing, 1 when one more is refused. */
  used(store: MeterStore, slot: number, atMs: number): number;
  /** 0 when one more fits now; else the milliseconds after which it does if nobody else takes it. */
  waitMs(store: MeterStore, slot: number, atMs: number): number;
  /** How many more fit now. */
  remaining(store: MeterStore, slot: number, atMs: number): number;
  /** Counts one. Only after `waitMs` gave 0 for the same moment. */
  count(store: MeterStore, slot: number, atMs: number): void;
}
