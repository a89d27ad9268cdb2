import { audience, issuer } from "./signer.ts";

/** A workload of the namespace demo in front of the application of `Pieces`, by its port unless another is named. */
export function workloadYaml(name: string, listenPort: number | "__LISTEN__" = "__LISTEN__"): string {
  return `---
apiVersion: picket.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: demo }
spec: { listen: "127.0.0.1:${listenPort}", upstream: "127.0.0.1:__UPSTREAM__" }
`;
}

/** The identity `id` of the namespace demo: tokens of a signer with these keys. */
export function identityYaml(jwks: string): string {
  return `---
apiVersion: picket.dev/v1alpha1
kind: ApiIdentity
metadata: { name: id, namespace: demo }
spec:
  jwt:
  - issuer: ${issuer}
    audiences: [${audience}]
    jwks: { inline: '${jwks}' }
    from: [{ header: authorization, scheme: Bearer }]
    algorithms: [ES256]
    maxLifetime: 1h
  principal: { claim: sub }
`;
}
