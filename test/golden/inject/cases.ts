import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import type { InjectionContext } from "../../../operator/inject/inject.ts";
import type { InjectionSettings } from "../../../operator/inject/settings.ts";

/** What the golden pods are injected with. */
export const settings: InjectionSettings = {
  proxyImage: "picket.test/proxy:1",
  redirectImage: "picket.test/proxy:1",
  imagePullPolicy: "IfNotPresent",
  resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
  capture: "Redirect",
  bootstrap: '{"node":{"cluster":"picket-proxy"},"escaped":"$(HOME) \\u0027 \\""}',
  drainSeconds: 10,
  failurePolicy: "Fail",
  ownNamespace: "picket-system",
};

export interface GoldenPod extends InjectionContext {
  readonly name: string;
  readonly pod: unknown;
  /** Whether a real API server lets such a pod come as far as admission. */
  readonly server: boolean;
}

interface GoldenFile {
  readonly pod: unknown;
  readonly namespace?: Partial<InjectionContext["namespace"]>;
  readonly server?: boolean;
}

export const folder = import.meta.dirname;

/** Every `*.in.yaml` of this folder; the namespace asks for injection unless the file says otherwise. */
export const goldenPods: readonly GoldenPod[] = globSync("*.in.yaml", { cwd: folder })
  .sort()
  .map((file) => {
    const read = parse(readFileSync(join(folder, file), "utf8")) as GoldenFile;
    const namespace = {
      name: "bank",
      labels: {},
      annotations: {},
      ...read.namespace,
    };
    return {
      name: basename(file, ".in.yaml"),
      pod: read.pod,
      namespace: { ...namespace, labels: { "picket.dev/inject": "enabled", ...namespace.labels } },
      settings,
      server: read.server ?? true,
    };
  });
