import { createHash } from "node:crypto";
import {
  identityVolume,
  noTokenVolume,
  proxyAudience,
  proxyContainer,
  proxyUser,
  redirectContainer,
  runVolume,
  trustConfigMap,
} from "./names.ts";
import { capturePort, metricsPort, readyPort } from "../translate/pod-shape.ts";
import type { JsonObject } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";

/** What is added to pods. Fields that the API server would fill in are written out, so that a second look changes nothing. */
export interface Template {
  /** Which template this is; changes when the settings do. */
  readonly id: string;
  /** Without the ports that depend on the pod. */
  readonly proxy: JsonObject;
  /** The proxy's ports in every pod. */
  readonly proxyPorts: readonly JsonObject[];
  /** Without the environment that depends on the pod. */
  readonly redirect: JsonObject;
  readonly volumes: readonly JsonObject[];
}

/** Folder of the token and the trust bundle in the proxy. */
const identityFolder = "/var/run/secrets/picket";
const apiTokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
const runFolder = "/run/picket";
/** Seconds for which a token is valid; the kubelet renews it at four fifths. */
const tokenSeconds = 3_600;
/** Seconds that the proxy may take to get its first configuration before the kubelet restarts it. */
const startSecondsMax = 600;

/** The environment of the redirecting container. */
export function redirectEnv(excluded: readonly number[]): readonly JsonObject[] {
  return [
    { name: "PICKET_CAPTURE_PORT", value: String(capturePort) },
    ...(excluded.length > 0 ? [{ name: "PICKET_EXCLUDE", value: excluded.join(",") }] : []),
  ];
}

export function templateOf(settings: InjectionSettings): Template {
  const parts = {
    proxy: proxyOf(settings),
    proxyPorts: [{ name: "picket-metrics", containerPort: metricsPort, protocol: "TCP" }],
    redirect: redirectOf(settings),
    volumes,
  };
  return { id: createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16), ...parts };
}

function proxyOf(settings: InjectionSettings): JsonObject {
  return {
    name: proxyContainer,
    image: settings.proxyImage,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: "Always",
    args: [
      "--config-yaml",
      // The kubelet puts the environment in the place of `$(NAME)`, and `$(` in the place of `$$(`.
      settings.bootstrap.replaceAll("$(", "$$$$("),
      "--service-node",
      "$(POD_NAMESPACE)/$(POD_NAME)/$(POD_UID)",
      "--service-cluster",
      "picket-proxy",
      "--concurrency",
      "2",
      "--drain-time-s",
      String(settings.drainSeconds),
      "--drain-strategy",
      "immediate",
      "--disable-hot-restart",
    ],
    env: [
      fromField("POD_NAME", "metadata.name"),
      fromField("POD_NAMESPACE", "metadata.namespace"),
      fromField("POD_UID", "metadata.uid"),
      { name: "PICKET_DRAIN_SECONDS", value: String(settings.drainSeconds) },
    ],
    resources: settings.resources,
    securityContext: {
      runAsUser: proxyUser,
      runAsGroup: proxyUser,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    startupProbe: { ...ready, periodSeconds: 1, failureThreshold: startSecondsMax },
    readinessProbe: { ...ready, periodSeconds: 2, failureThreshold: 3 },
    lifecycle: { preStop: { exec: { command: ["/usr/bin/picket-proxy-tool", "drain"] } } },
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      { name: identityVolume, mountPath: identityFolder, readOnly: true },
      { name: runVolume, mountPath: runFolder },
      noToken,
    ],
  };
}

function redirectOf(settings: InjectionSettings): JsonObject {
  return {
    name: redirectContainer,
    image: settings.redirectImage,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["/usr/bin/picket-proxy-tool", "redirect"],
    resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [noToken],
  };
}

const ready: JsonObject = {
  httpGet: { path: "/ready", port: readyPort, scheme: "HTTP" },
  timeoutSeconds: 1,
  successThreshold: 1,
};

// The API server mounts the API token wherever nothing is mounted at this path, also after injection.
const noToken: JsonObject = { name: noTokenVolume, mountPath: apiTokenFolder, readOnly: true };

/** 0644: whoever runs as another user than the one that the kubelet would choose must be able to read it. */
const readableMode = 0o644;

const volumes: readonly JsonObject[] = [
  {
    name: identityVolume,
    projected: {
      defaultMode: readableMode,
      sources: [
        { serviceAccountToken: { audience: proxyAudience, expirationSeconds: tokenSeconds, path: "token" } },
        { configMap: { name: trustConfigMap, items: [{ key: "ca.crt", path: "ca.crt" }] } },
      ],
    },
  },
  { name: runVolume, emptyDir: { medium: "Memory" } },
  { name: noTokenVolume, emptyDir: {} },
];

function fromField(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}
