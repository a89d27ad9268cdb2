import type { Meter, MeterStore } from "./meter.ts";

/** Keys a limit keeps apart unless configured otherwise. At this size a sliding window takes 8 MB, a token bucket 3 MB. */
export const limitKeysMax = 131_072;

/** Slots a key may be in; every look-up, insertion and eviction looks at no more. */
export const probesMax = 16;

/** A key that has used more than this share of its allowance is never evicted. */
export const evictableShareMax = 0.5;

/** Slots of a table that has not grown: about a kilobyte. */
const slotsMin = 16;

/** Bytes that all tables together may grow by beyond their smallest size. */
export const grownBytesMax = 256 * 1_048_576;

/** What tables that share their memory have grown by. One that finds it used up behaves as at its own full size. */
export interface GrowthBudget {
  grownBytes: number;
  readonly grownBytesMax: number;
}

export function createGrowthBudget(max: number = grownBytesMax): GrowthBudget {
  return { grownBytes: 0, grownBytesMax: max };
}

/**
 * The keys of one limit and their counts: open addressing in typed arrays by a keyed 64-bit hash, doubling up to a
 * fixed size. Beyond it a new key takes the place of an idle one, else of the least used within its probes; where all
 * of these have used more than half, it counts with all such keys in one shared slot. So a flood of new keys can
 * neither grow the table nor give an exhausted key a fresh allowance, and what cannot be told apart is limited together.
 */
export interface LimitTable {
  readonly meter: Meter;
  readonly budget: GrowthBudget;
  readonly slotsMax: number;
  slots: number;
  /** Low and high word of slot s at 2s and 2s + 1; both 0 is free. */
  hashes: Int32Array;
  /** One slot more than `slots`: the last is the shared one. */
  store: MeterStore;
  keys: number;
  /** Keys that lost their place to another. */
  evictions: number;
  /** Of these, keys that still had a count; forgetting it forgave at most `evictableShareMax` of their allowance. */
  evictionsInUse: number;
}

/** The slot in which keys without a place are counted together. */
export function sharedSlot(table: LimitTable): number {
  return table.slots;
}

/** An empty table for at most `keysMax` keys, rounded down to a power of two, at least 16. */
export function createTable(
  meter: Meter,
  keysMax: number = limitKeysMax,
  budget: GrowthBudget = createGrowthBudget(),
): LimitTable {
  if (!(keysMax >= probesMax && keysMax <= 2 ** 24)) throw new RangeError("a limit table's size is out of bounds");
  const slotsMax = 2 ** Math.floor(Math.log2(keysMax));
  const slots = Math.min(slotsMin, slotsMax);
  return {
    meter,
    budget,
    slotsMax,
    slots,
    hashes: new Int32Array(slots * 2),
    store: createStore(meter, slots),
    keys: 0,
    evictions: 0,
    evictionsInUse: 0,
  };
}

function createStore(meter: Meter, slots: number): MeterStore {
  return {
    numbers: new Float64Array((slots + 1) * meter.numbersPerKey),
    counts: new Uint32Array((slots + 1) * meter.countsPerKey),
  };
}

/** Bytes that the table's arrays take now. */
export function tableBytes({ hashes, store }: LimitTable): number {
  return hashes.byteLength + store.numbers.byteLength + store.counts.byteLength;
}

/** Bytes of them that the table has grown by. */
export function grownBytes({ meter, slots, slotsMax }: LimitTable): number {
  return (slots - Math.min(slotsMin, slotsMax)) * bytesPerKey(meter);
}

function bytesPerKey({ numbersPerKey, countsPerKey }: Meter): number {
  return 8 + numbersPerKey * 8 + countsPerKey * 4;
}

/** Whether twice the slots are within the table's own size and the memory that it shares. */
function mayGrow({ budget, meter, slots, slotsMax }: LimitTable): boolean {
  return slots < slotsMax && budget.grownBytes + slots * bytesPerKey(meter) <= budget.grownBytesMax;
}

/** The one hash that would read as free is taken for its neighbour. */
function storedLow(high: number, low: number): number {
  return high === 0 && low === 0 ? 1 : low;
}

/** The slot of the key, or -1 when it has none. */
export function slotOf(table: LimitTable, high: number, low: number): number {
  const { hashes } = table;
  const mask = table.slots - 1;
  const wanted = storedLow(high, low);
  for (let probe = 0, slot = wanted & mask; probe < probesMax; probe++, slot = (slot + 1) & mask) {
    const there = hashes[slot * 2] as number;
    if (there === wanted && hashes[slot * 2 + 1] === high) return slot;
    // Slots are replaced but never freed, so nothing of these probes lies behind a free one.
    if (there === 0 && hashes[slot * 2 + 1] === 0) return -1;
  }
  return -1;
}

/** A slot that a new key may take, free or evictable, or -1. */
function roomFor(table: LimitTable, high: number, low: number, atMs: number): number {
  const { hashes, meter, store } = table;
  const mask = table.slots - 1;
  let best = -1;
  let leastUsed = evictableShareMax;
  for (let probe = 0, slot = storedLow(high, low) & mask; probe < probesMax; probe++, slot = (slot + 1) & mask) {
    if (hashes[slot * 2] === 0 && hashes[slot * 2 + 1] === 0) return slot;
    const used = meter.used(store, slot, atMs);
    if (used < leastUsed || (used === leastUsed && best < 0)) {
      best = slot;
      leastUsed = used;
    }
  }
  return best;
}

/**
 * The slot that a key without one would take: free, evictable, or the shared one. May enlarge the table, but takes
 * nothing from anybody; `occupy` does.
 */
export function placeFor(table: LimitTable, high: number, low: number, atMs: number): number {
  if (table.keys * 2 >= table.slots && mayGrow(table)) rebuild(table, atMs, false);
  for (;;) {
    const slot = roomFor(table, high, low, atMs);
    if (slot >= 0 && !isBusy(table, slot, atMs)) return slot;
    if (!mayGrow(table)) return slot < 0 ? sharedSlot(table) : slot;
    // All probes are in use: no reason to forget anybody while there may be more slots.
    rebuild(table, atMs, true);
  }
}

/** Whether a key has the slot and forgetting it would lose something. */
function isBusy({ hashes, meter, store }: LimitTable, slot: number, atMs: number): boolean {
  return (hashes[slot * 2] !== 0 || hashes[slot * 2 + 1] !== 0) && meter.used(store, slot, atMs) > 0;
}

/**
 * Gives the slot that `placeFor` named, not the shared one, to this key, uncounted; whoever had it is forgotten. A key
 * that is there already stays as it is.
 */
export function occupy(table: LimitTable, slot: number, high: number, low: number, atMs: number): void {
  const { hashes, meter, store } = table;
  const there = hashes[slot * 2] as number;
  const wanted = storedLow(high, low);
  if (there === wanted && hashes[slot * 2 + 1] === high) return;
  if (there === 0 && hashes[slot * 2 + 1] === 0) {
    table.keys++;
  } else {
    table.evictions++;
    if (meter.used(store, slot, atMs) > 0) table.evictionsInUse++;
  }
  hashes[slot * 2] = wanted;
  hashes[slot * 2 + 1] = high;
  store.numbers.fill(0, slot * meter.numbersPerKey, (slot + 1) * meter.numbersPerKey);
  store.counts.fill(0, slot * meter.countsPerKey, (slot + 1) * meter.countsPerKey);
}

/** Leaves idle keys behind, and doubles the slots where that is not enough or asked for. */
function rebuild(table: LimitTable, atMs: number, larger: boolean): void {
  const { hashes, meter, slots, store } = table;
  const busy: number[] = [];
  for (let slot = 0; slot < slots; slot++) if (isBusy(table, slot, atMs)) busy.push(slot);
  table.slots = larger || busy.length * 4 >= slots ? slots * 2 : slots;
  table.budget.grownBytes += (table.slots - slots) * bytesPerKey(meter);
  table.hashes = new Int32Array(table.slots * 2);
  table.store = createStore(meter, table.slots);
  table.keys = 0;
  copy(meter, store, slots, table.store, sharedSlot(table));
  for (const from of busy) {
    const low = hashes[from * 2] as number;
    const high = hashes[from * 2 + 1] as number;
    const to = roomFor(table, high, low, atMs);
    if (to < 0) {
      // Sixteen keys of one neighbourhood, all in full use, in a table at most half full: counted if it ever happens.
      table.evictions++;
      table.evictionsInUse++;
      continue;
    }
    occupy(table, to, high, low, atMs);
    copy(meter, store, from, table.store, to);
  }
}

function copy(meter: Meter, from: MeterStore, fromSlot: number, to: MeterStore, toSlot: number): void {
  const { countsPerKey, numbersPerKey } = meter;
  for (let i = 0; i < numbersPerKey; i++) {
    to.numbers[toSlot * numbersPerKey + i] = from.numbers[fromSlot * numbersPerKey + i] as number;
  }
  for (let i = 0; i < countsPerKey; i++) {
    to.counts[toSlot * countsPerKey + i] = from.counts[fromSlot * countsPerKey + i] as number;
  }
}
