/** Values of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

type Texts = Readonly<Record<string, string>>;

export type ProbeHandler = {
  readonly httpGet?: HttpGet;
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly grpc?: { readonly port: number; readonly service?: string };
};

export type HttpGet = {
  readonly path?: string;
  readonly port: number | string;
  readonly host?: string;
  readonly scheme?: string;
};

export type ContainerPort = {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol?: string;
};

export type SecurityContext = {
  readonly privileged?: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly capabilities?: { readonly add?: readonly string[] };
};

export type Container = {
  readonly name: string;
  readonly ports?: readonly ContainerPort[];
  readonly livenessProbe?: ProbeHandler;
  readonly readinessProbe?: ProbeHandler;
  readonly startupProbe?: ProbeHandler;
  readonly restartPolicy?: string;
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly { readonly name: string }[];
  readonly lifecycle?: { readonly postStart?: ProbeHandler; readonly preStop?: ProbeHandler };
};

export type Volume = { readonly name: string };

export type PodSpec = {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly dnsPolicy?: string;
  readonly shareProcessNamespace?: boolean;
  readonly os?: { readonly name?: string };
  readonly nodeSelector?: Texts;
  readonly securityContext?: SecurityContext & {
    readonly fsGroup?: number;
    readonly supplementalGroups?: readonly number[];
  };
};

/** The fields of a pod that injection looks at; all others are carried along untouched. */
export type Pod = {
  readonly metadata: { readonly labels?: Texts; readonly annotations?: Texts };
  readonly spec: PodSpec;
};

/** Containers of one pod, of each kind, beyond which it is not read: more than the API server's own limits let in. */
export const podContainersMax = 1_000;

/** Takes a value as a pod when the fields that are looked at have their types. Undefined otherwise. */
export function readPod(value: unknown): Pod | undefined {
  return isPod(value) ? value : undefined;
}

type Guard<T> = (value: unknown) => value is T;

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isPort = (value: unknown): value is number | string => isNumber(value) || isText(value);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Texts {
  return isRecord(value) && Object.values(value).every(isText);
}

function listOf<T>(item: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= podContainersMax && value.every((one) => item(one));
}

/** An object whose named fields have their types; `required` ones must be there. Null stands for absent nowhere. */
function shape<T>(fields: Readonly<Record<string, Guard<unknown>>>, required: readonly string[] = []): Guard<T> {
  return (value): value is T =>
    isRecord(value) &&
    required.every((name) => value[name] !== undefined) &&
    Object.entries(fields).every(([name, is]) => value[name] === undefined || is(value[name]));
}

const isHandler = shape<ProbeHandler>({
  httpGet: shape({ path: isText, port: isPort, host: isText, scheme: isText }, ["port"]),
  tcpSocket: shape({ port: isPort, host: isText }, ["port"]),
  grpc: shape({ port: isNumber, service: isText }, ["port"]),
});

const securityFields = {
  privileged: isFlag,
  runAsUser: isNumber,
  runAsGroup: isNumber,
  capabilities: shape({ add: listOf(isText) }),
};

const isContainer = shape<Container>(
  {
    name: isText,
    ports: listOf(
      shape({ name: isText, containerPort: isNumber, hostPort: isNumber, protocol: isText }, ["containerPort"]),
    ),
    livenessProbe: isHandler,
    readinessProbe: isHandler,
    startupProbe: isHandler,
    restartPolicy: isText,
    securityContext: shape(securityFields),
    volumeMounts: listOf(shape({ name: isText }, ["name"])),
    lifecycle: shape({ postStart: isHandler, preStop: isHandler }),
  },
  ["name"],
);

const isPod = shape<Pod>(
  {
    metadata: shape({ labels: isTexts, annotations: isTexts }),
    spec: shape(
      {
        containers: listOf(isContainer),
        initContainers: listOf(isContainer),
        volumes: listOf(shape({ name: isText }, ["name"])),
        hostNetwork: isFlag,
        hostPID: isFlag,
        dnsPolicy: isText,
        shareProcessNamespace: isFlag,
        os: shape({ name: isText }),
        nodeSelector: isTexts,
        securityContext: shape({ ...securityFields, fsGroup: isNumber, supplementalGroups: listOf(isNumber) }),
      },
      ["containers"],
    ),
  },
  ["metadata", "spec"],
);
