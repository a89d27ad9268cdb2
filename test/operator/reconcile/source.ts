import { readText } from "../../../operator/provider/read.ts";
import type { SourceSnapshot } from "../../../operator/provider/provider.ts";
import { emptyMemory, type Memory } from "../../../operator/reconcile/accepted.ts";
import { envoyTranslator } from "../../../operator/reconcile/envoy-translator.ts";
import { noKeys } from "../../../operator/reconcile/issuer-keys.ts";
import { makePlan, type Plan } from "../../../operator/reconcile/plan.ts";
import { settle, type Settled } from "../../../operator/reconcile/settle.ts";

export const translator = envoyTranslator({ kind: "socket", path: "/run/scorer.sock" });

export function snapshotOf(files: Readonly<Record<string, string>>): SourceSnapshot {
  return { texts: Object.entries(files).map(([file, text]) => readText(text, file)) };
}

export function settleFiles(files: Readonly<Record<string, string>>, memory: Memory = emptyMemory, nowMs = 0): Settled {
  return settle(snapshotOf(files), memory, readText, nowMs);
}

export interface Step {
  readonly settled: Settled;
  readonly plan: Plan;
  readonly memory: Memory;
}

/** What the reconciler does with one state of the folder, without publishing. */
export function step(
  files: Readonly<Record<string, string>>,
  before: Memory = emptyMemory,
  { nowMs = 0, leaking = new Map<string, string>(), keyState = noKeys } = {},
): Step {
  const settled = settleFiles(files, before, nowMs);
  const plan = makePlan({ settled, opened: before.opened, leaking, nowMs, translator, keyState });
  const open = plan.workloads.filter(({ name, state }) => state.kind === "open" || before.opened.has(name));
  return { settled, plan, memory: { accepted: settled.accepted, opened: new Set(open.map(({ name }) => name)) } };
}

/** `open` or why not, by workload. */
export function states(plan: Plan): Readonly<Record<string, string>> {
  return Object.fromEntries(
    plan.workloads.map(({ name, state }) => [name, state.kind === "open" ? "open" : state.reason]),
  );
}

export function policy(name: string, more = "", namespace = "shop"): string {
  return `apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: ${name} }]
  mode: Enforce
  access:
    default: Deny
    rules:
      - name: only
        match: [{ methods: [GET], path: /healthz }]
        effect: Allow
${more}---
`;
}

export function workload(name: string, port = 8080, namespace = "shop"): string {
  return `apiVersion: picket.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name} } }
spec: { listen: "127.0.0.1:${port}", upstream: "127.0.0.1:${port + 1000}" }
---
`;
}

export const keysUri = "https://id.example/jwks";

/** The same, with keys that the operator fetches. */
export function fetchedIdentity(name: string): string {
  return identity(name).replace(/jwks:\n.*\n/, `jwks: { uri: "${keysUri}" }\n`);
}

export function identity(name: string, namespace = "shop"): string {
  return `apiVersion: picket.dev/v1alpha1
kind: ApiIdentity
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  jwt:
    - issuer: https://id.example
      audiences: [api]
      jwks:
        inline: '{"keys":[{"kty":"EC","crv":"P-256","x":"xizmJExnfUTytiYm_O0MV7wJxFnTU015TtI1crNyuLU","y":"GyRGMCZsHD1PMKF_dTIIGXxh3nTWkFjyVCyJXXnlcnY","kid":"k1","alg":"ES256","use":"sig"}]}'
      from: [{ header: authorization, scheme: Bearer }]
      algorithms: [ES256]
      maxLifetime: 1h
  principal: { claim: sub }
---
`;
}
