/**
 * What a check costs, as ratios within one run. `node bench/check.ts [--json] [--handler-only]`; the figures in
 * docs/performance.md come from here.
 */
import { measureHandler } from "./check/handler.ts";
import { measureThroughEnvoy } from "./check/through-envoy.ts";

/** Goals: handler at most 1.5 times the generated decoder with 20 rules; 1,000 rules at most 1.3 times that. */
const handlerRatioMax = 1.5;
const growthMax = 1.3;

const handler = measureHandler([20, 1_000]);
const [few, many] = handler;
const growth = many!.ratio / few!.ratio;
const isWithin = few!.ratio <= handlerRatioMax && growth <= growthMax;
const throughEnvoy = [];
if (!process.argv.includes("--handler-only")) {
  for (const rules of [20, 1_000]) throughEnvoy.push(await measureThroughEnvoy(rules));
}

if (process.argv.includes("--json")) {
  process.stdout.write(`${JSON.stringify({ handler, growth, isWithin, throughEnvoy }, null, 2)}\n`);
} else {
  const line = (text: string): boolean => process.stdout.write(`${text}\n`);
  line("handler without transport (decode, decide, encode, record) / generated decoder alone, CPU, median of rounds");
  for (const { rules, ratio, handlerNs, decoderNs } of handler) {
    line(
      `  ${String(rules).padStart(5)} rules   ${ratio.toFixed(2)}   (${handlerNs} ns / ${decoderNs} ns on this machine)`,
    );
  }
  line(`  1,000 rules / 20 rules   ${growth.toFixed(2)}`);
  line(`  goals: at most ${handlerRatioMax} and ${growthMax}: ${isWithin ? "met" : "MISSED"}`);
  for (const { rules, p50, p99 } of throughEnvoy) {
    line(`through Envoy at 1,000 requests a second, ${rules} rules: with ext_authz / same route without`);
    for (const [name, one] of Object.entries({ p50, p99 })) {
      const added = one.withMs - one.withoutMs;
      line(
        `  ${name}   ${one.ratio.toFixed(2)}   (+${added.toFixed(2)} ms on ${one.withoutMs.toFixed(2)} ms on this machine)`,
      );
    }
  }
}
process.exitCode = isWithin ? 0 : 1;
