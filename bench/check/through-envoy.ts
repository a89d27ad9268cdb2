import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomFrom } from "../../test/core/policy/random-policies.ts";
import { identityYaml, workloadYaml } from "../../test/e2e/failure/objects.ts";
import { Pieces } from "../../test/e2e/failure/pieces.ts";
import { createSigner } from "../../test/e2e/failure/signer.ts";
import { median } from "./handler.ts";
import { OpenLoop } from "./open-loop.ts";

const rate = 1_000;
const phaseMs = 1_500;
const rounds = 8;

/** Latency with and without a Check, in one run, taking turns. */
export interface ThroughEnvoyResult {
  readonly rules: number;
  readonly p50: { readonly withoutMs: number; readonly withMs: number; readonly ratio: number };
  readonly p99: { readonly withoutMs: number; readonly withMs: number; readonly ratio: number };
}

/**
 * The same application behind one Envoy by two listeners: one in Enforce with this many rules, one in Observe, which
 * asks nobody. The difference is what protection costs a request, strict checks and token verification included.
 */
export async function measureThroughEnvoy(rules: number): Promise<ThroughEnvoyResult> {
  const pieces = new Pieces();
  const signer = await createSigner();
  const observed = await freePort();
  try {
    await pieces.start({ "bench.yaml": policies(rules, observed, signer.jwks) });
    const token = await signer.token({ sub: "alice" });
    const target = `/v1/resource${(rules * 7) % 10}/alice/items`;
    await pieces.untilStatus(200, target, { authorization: `Bearer ${token}` });
    const request = Buffer.from(
      `GET ${target} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${token}\r\naccept: */*\r\nuser-agent: bench\r\n\r\n`,
    );
    const lines = { without: new OpenLoop(observed), with: new OpenLoop(pieces.port) };
    await lines.without.connect();
    await lines.with.connect();
    const random = randomFrom(1);
    const results = { without: [] as number[][], with: [] as number[][] };
    for (let round = -1; round < rounds; round++) {
      for (const side of ["without", "with"] as const) {
        const latencies = await lines[side].run(request, rate, phaseMs, random);
        if (round >= 0) results[side].push(latencies);
      }
    }
    lines.without.close();
    lines.with.close();
    return { rules, p50: compare(results, 0.5), p99: compare(results, 0.99) };
  } finally {
    await pieces.stop();
  }
}

function compare(results: { without: number[][]; with: number[][] }, share: number) {
  const withoutMs = median(results.without.map((latencies) => quantile(latencies, share)));
  const withMs = median(results.with.map((latencies) => quantile(latencies, share)));
  return { withoutMs, withMs, ratio: withMs / withoutMs };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function policies(count: number, observed: number, jwks: string): string {
  const rules = Array.from(
    { length: Math.min(count, 100) },
    (_, i) => `
    - name: rule-${i}
      match: [${paths(i, count)}]
      effect: Allow
      require: { owner: { path: id, claim: sub } }`,
  ).join("");
  return `${workloadYaml("enforced")}${workloadYaml("observed", observed)}${identityYaml(jwks)}---
apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: enforced, namespace: demo }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: enforced }]
  mode: Enforce
  identityRefs: [{ name: id }]
  failure: { timeout: 1s }
  access:
    default: Deny
    rules:${rules}
`;
}

/** A policy holds at most 128 rules of 16 matches; more operations than rules share them out. */
function paths(rule: number, count: number): string {
  const own: string[] = [];
  for (let i = rule; i < count; i += Math.min(count, 100))
    own.push(`{ methods: [GET], path: "/v1/resource${i}/{id}/items" }`);
  return own.join(", ");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
