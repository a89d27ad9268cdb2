/** One encoded resource as xDS carries it. Equal content gives equal bytes and so an equal version. */
export interface Resource {
  readonly name: string;
  readonly typeUrl: string;
  /** Content hash of `bytes`: the first 16 hexadecimal digits of its SHA-256. */
  readonly version: string;
  readonly bytes: Uint8Array;
}

/** Everything that Envoy needs for one workload, or for what all workloads share. */
export interface EnvoyResources {
  readonly listeners: readonly Resource[];
  readonly clusters: readonly Resource[];
  readonly routes: readonly Resource[];
  /** Filters by ECDS: what changes with a policy and is not a route. */
  readonly extensions: readonly Resource[];
}
