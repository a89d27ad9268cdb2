import { parseArgs } from "node:util";
import { findContradiction } from "../core/request/one-view.ts";
import { randomTarget, seeded, shrink } from "../core/request/path-grammar.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "10000000" }, seed: { type: "string" } },
});
const count = Number(values.count);
const seed = values.seed === undefined ? Date.now() % 0x7fff_ffff : Number(values.seed);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  console.error("--count takes a whole number above 0, --seed a whole number");
  process.exit(2);
}

console.log(`paths: ${count} with seed ${seed}`);
const random = seeded(seed);
const stepSize = Math.max(1, Math.floor(count / 200));
let agreed = 0;
for (let i = 0; i < count; i++) {
  const target = randomTarget(random);
  const finding = findContradiction(target);
  if (finding.kind === "agreed") agreed++;
  if (finding.kind === "contradiction") {
    const smallest = shrink(target, (candidate) => findContradiction(candidate).kind === "contradiction");
    const last = findContradiction(smallest);
    console.error(`\npath ${i} of seed ${seed}: ${JSON.stringify(smallest)}`);
    console.error(last.kind === "contradiction" ? last.text : finding.text);
    process.exit(1);
  }
  if (i % stepSize === 0) showProgress(i);
}
showProgress(count);
process.stderr.write("\n");
console.log(`paths: ${agreed} judged and served alike, ${count - agreed} refused, 0 contradictions`);
// A run in which nothing reaches the resolvers has proven nothing.
process.exitCode = agreed > count / 20 ? 0 : 1;

function showProgress(done: number): void {
  if (!process.stderr.isTTY && done % (stepSize * 20) !== 0 && done !== count) return;
  const width = 40;
  const filled = Math.floor((done / count) * width);
  const line = `[${"#".repeat(filled)}${"-".repeat(width - filled)}] ${Math.floor((done / count) * 100)} %`;
  process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
}
