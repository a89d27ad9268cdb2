import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Who a kubeconfig speaks for: the certificate of this name in the PKI folder, or the bearer of a token. */
export type KubeUser = { readonly certificate: string } | { readonly token: string };

export interface KubeconfigOptions {
  readonly pki: string;
  readonly apiUrl: string;
  readonly user: KubeUser;
}

/** Writes a kubeconfig that needs no other file, readable by its owner alone. */
export function writeKubeconfig(path: string, { pki, apiUrl, user }: KubeconfigOptions): void {
  const base64 = (file: string): string => readFileSync(join(pki, file)).toString("base64");
  const credentials =
    "token" in user
      ? { token: user.token }
      : {
          "client-certificate-data": base64(`${user.certificate}.crt`),
          "client-key-data": base64(`${user.certificate}.key`),
        };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "picket", cluster: { server: apiUrl, "certificate-authority-data": base64("ca.crt") } }],
    users: [{ name: "user", user: credentials }],
    contexts: [{ name: "picket", context: { cluster: "picket", user: "user" } }],
    "current-context": "picket",
  };
  // JSON is YAML.
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
