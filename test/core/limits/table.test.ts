import assert from "node:assert/strict";
import { createBucket } from "../../../core/limits/bucket.ts";
import { createKeyHash } from "../../../core/limits/key.ts";
import type { Meter } from "../../../core/limits/meter.ts";
import {
  createGrowthBudget,
  createTable,
  grownBytes,
  limitKeysMax,
  occupy,
  placeFor,
  probesMax,
  sharedSlot,
  slotOf,
  tableBytes,
  type LimitTable,
} from "../../../core/limits/table.ts";
import { createWindow } from "../../../core/limits/window.ts";

const hash = createKeyHash({ first: 0x1234567, second: 0x89abcde });

/** One request of this key; true when it fits. */
function take(table: LimitTable, meter: Meter, key: string, atMs: number): boolean {
  hash.begin();
  hash.text(key);
  hash.finish();
  return takeHash(table, meter, hash.high, hash.low, atMs);
}

function takeHash(table: LimitTable, meter: Meter, high: number, low: number, atMs: number): boolean {
  let slot = slotOf(table, high, low);
  if (slot < 0) {
    slot = placeFor(table, high, low, atMs);
    if (slot !== sharedSlot(table)) occupy(table, slot, high, low, atMs);
  }
  if (meter.waitMs(table.store, slot, atMs) > 0) return false;
  meter.count(table.store, slot, atMs);
  return true;
}

const meters: readonly (readonly [string, Meter])[] = [
  ["sliding window", createWindow(10, 60_000)],
  ["token bucket", createBucket(10, 60_000, 10)],
];

for (const [name, meter] of meters) {
  describe(`a table of the ${name}`, () => {
    it("keeps keys apart while it grows", () => {
      const table = createTable(meter);
      for (let i = 0; i < 20_000; i++) assert.ok(take(table, meter, `key ${i}`, 0));
      for (let round = 1; round < 10; round++) {
        for (let i = 0; i < 20_000; i++) assert.ok(take(table, meter, `key ${i}`, 0));
      }
      for (let i = 0; i < 20_000; i++) assert.ok(!take(table, meter, `key ${i}`, 0));
      assert.equal(table.keys, 20_000);
      assert.equal(table.evictions, 0);
      assert.ok(table.slots <= 65_536);
    });

    it("stays at its size under a million keys, and a victim keeps its bucket", () => {
      const table = createTable(meter);
      const bound = limitKeysMax * (8 + meter.numbersPerKey * 8 + meter.countsPerKey * 4) + 1_024;
      const victims = Array.from({ length: 50 }, (_, i) => `victim ${i}`);
      for (const victim of victims) {
        for (let i = 0; i < 10; i++) assert.ok(take(table, meter, victim, 0));
        assert.ok(!take(table, meter, victim, 0));
      }
      for (let i = 0; i < 1_000_000; i++) take(table, meter, `flood ${i}`, 1);
      for (const victim of victims) assert.ok(!take(table, meter, victim, 2), victim);
      assert.equal(table.slots, limitKeysMax);
      assert.ok(table.keys <= limitKeysMax && table.keys > limitKeysMax * 0.9);
      assert.ok(tableBytes(table) <= bound, `${tableBytes(table)} bytes`);
      assert.ok(table.evictionsInUse > 800_000);
    });

    it("lets a key at its limit keep its place when every key around it wants it", () => {
      const table = createTable(meter, probesMax);
      for (let i = 0; i < 10; i++) assert.ok(takeHash(table, meter, 7, 7, 0));
      for (let i = 0; i < 30; i++) assert.ok(takeHash(table, meter, 1_000 + i, i, 0));
      assert.ok(!takeHash(table, meter, 7, 7, 0));
      assert.equal(table.slots, probesMax);
    });

    it("counts keys without a place together, and leaves those with a place alone", () => {
      const table = createTable(meter, probesMax);
      for (let key = 0; key < probesMax; key++) {
        for (let i = 0; i < 6; i++) assert.ok(takeHash(table, meter, key, key, 0));
      }
      let fresh = 0;
      for (let key = 100; key < 200; key++) if (takeHash(table, meter, key, key, 0)) fresh++;
      assert.equal(fresh, 10);
      assert.equal(table.evictions, 0);
      for (let key = 0; key < probesMax; key++) {
        for (let i = 0; i < 4; i++) assert.ok(takeHash(table, meter, key, key, 0));
        assert.ok(!takeHash(table, meter, key, key, 0));
      }
    });

    it("gives the place of an idle key to a new one", () => {
      const table = createTable(meter, probesMax);
      for (let key = 0; key < probesMax; key++) {
        for (let i = 0; i < 10; i++) assert.ok(takeHash(table, meter, key, key, 0));
      }
      assert.equal(placeFor(table, 99, 99, 0), sharedSlot(table));
      for (let i = 0; i < 10; i++) assert.ok(takeHash(table, meter, 99, 99, 120_000));
      assert.equal(table.evictions, 1);
      assert.equal(table.evictionsInUse, 0);
    });

    it("does not grow for keys that have gone idle", () => {
      const table = createTable(meter);
      for (let i = 0; i < 100_000; i++) assert.ok(take(table, meter, `visitor ${i}`, i * 1_000));
      assert.ok(table.slots <= 512, `${table.slots} slots`);
    });

    it("tells the hash of two zeros from a free slot", () => {
      const table = createTable(meter, probesMax);
      for (let i = 0; i < 10; i++) assert.ok(takeHash(table, meter, 0, 0, 0));
      assert.ok(!takeHash(table, meter, 0, 0, 0));
      assert.equal(table.keys, 1);
    });
  });
}

describe("tables that share their memory", () => {
  it("grow together up to their bound, and then behave as at their full size", () => {
    const meter = createWindow(10, 60_000);
    const bytesMax = 1 << 20;
    const budget = createGrowthBudget(bytesMax);
    const tables = Array.from({ length: 20 }, () => createTable(meter, limitKeysMax, budget));
    const [first] = tables;
    for (let i = 0; i < 10; i++) assert.ok(takeHash(first!, meter, 7, 7, 0));
    for (let key = 0; key < 20_000; key++) for (const table of tables) take(table, meter, `flood ${key}`, 1);
    const grown = tables.reduce((sum, table) => sum + grownBytes(table), 0);
    assert.equal(budget.grownBytes, grown);
    assert.ok(grown <= bytesMax && grown > bytesMax / 2, `${grown} bytes`);
    assert.ok(tables.every((table) => table.slots < table.slotsMax));
    assert.ok(!takeHash(first!, meter, 7, 7, 2), "a key at its limit keeps its place");
  });
});

describe("createTable", () => {
  it("rounds its size down to a power of two and refuses sizes out of bounds", () => {
    const meter = createBucket(1, 1_000, 1);
    assert.equal(createTable(meter, 1_000).slotsMax, 512);
    for (const size of [0, probesMax - 1, 2 ** 24 + 1, Number.NaN])
      assert.throws(() => createTable(meter, size), RangeError);
  });
});
