import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { groupI } from "./i.ts";
import { groupJ } from "./j.ts";
import { groupK } from "./k.ts";
import { groupL } from "./l.ts";
import type { ClusterVector } from "./vector.ts";

const root = join(import.meta.dirname, "../..");

/** Every number of a group, from 1 to its last. */
const numbers = (group: string, last: number): readonly string[] =>
  Array.from({ length: last }, (_, index) => `${group}${String(index + 1).padStart(2, "0")}`);

/** Rows that are about something that this version does not do. */
const waiting = ["J08", "J19", "L20"];

const groups: readonly (readonly [name: string, rows: readonly ClusterVector[], ids: readonly string[]])[] = [
  ["I, ways around the sidecar", groupI, numbers("I", 15)],
  ["J, tenants against the control plane", groupJ, numbers("J", 30)],
  [
    "K, faults of the data plane that the control plane has a part in",
    groupK,
    ["K01", "K02", "K04", "K07", "K17", "K18", "K21", "K24"],
  ],
  ["L, faults of the control plane", groupL, numbers("L", 22)],
];

describe("vectors around a cluster", () => {
  for (const [name, rows, ids] of groups) {
    describe(`of group ${name}`, () => {
      it("are all there, in order, each with what is safe", () => {
        assert.deepEqual(
          rows.map(({ id }) => id),
          ids,
        );
        for (const { id, what, verdict } of rows) assert.ok(what !== "" && verdict !== "", id);
      });

      it("are shown by tests that are there", () => {
        const missing = rows.flatMap(({ id, proofs }) =>
          proofs
            .filter(([file, text]) => !existsSync(join(root, file)) || !holds(file, text))
            .map(([file, text]) => `${id}: ${file}: ${text}`),
        );
        assert.deepEqual(missing, []);
      });

      it("wait only where they say why", () => {
        const without = rows.filter(({ proofs }) => proofs.length === 0);
        for (const { id, but } of without) assert.ok(but !== undefined && but.length > 20, id);
        assert.deepEqual(
          without.map(({ id }) => id),
          waiting.filter((id) => ids.includes(id)),
        );
        for (const { id, but } of rows) if (but !== undefined) process.stdout.write(`        ${id}: ${but}\n`);
      });
    });
  }
});

/** Whether a file has a text, however prettier has broken its lines. */
function holds(file: string, text: string): boolean {
  const flat = (some: string): string => some.replaceAll(/\s+/g, " ");
  return flat(readFileSync(join(root, file), "utf8")).includes(flat(text));
}
