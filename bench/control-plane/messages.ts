/** A client that the fleet is to run. */
export interface ClientOrder {
  readonly kind: "proxy" | "scorer";
  readonly node: string;
  /** Where it connects from. */
  readonly address: string;
  readonly token: string;
}

export interface Target {
  readonly port: number;
  readonly serverName: string;
  readonly ca: string;
}

/** What the bench tells a fleet. */
export type Order =
  | {
      readonly do: "connect";
      readonly target: Target;
      readonly clients: readonly ClientOrder[];
      /** Answer questions of canaries on this port of every address. */
      readonly canaryPort?: number;
    }
  /** Forget what was counted. */
  | { readonly do: "reset" }
  | { readonly do: "report" }
  | { readonly do: "stop" };

/** What one client has seen since it was last told to forget. Times are of the clock that all processes share. */
export interface ClientCount {
  /** Streams on which it has said what it wants. */
  readonly opened: number;
  readonly lastOpenedMs: number;
  readonly answers: number;
  readonly resources: number;
  readonly firstAckMs: number;
  readonly lastAckMs: number;
  readonly isOpen: boolean;
  /** Refusals by the gRPC status of the stream. */
  readonly refused: Readonly<Record<string, number>>;
}

/** The answer to `report`, in the order of the clients. */
export interface FleetReport {
  readonly clients: readonly ClientCount[];
}
