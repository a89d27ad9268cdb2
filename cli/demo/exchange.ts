/** The services of the sample bank. */
export const serviceNames = ["login", "accounts", "transfers", "admin"] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Where requests go: Picket's listeners, or, to show what happens without it, the services themselves. */
export type Target = Readonly<Record<ServiceName, number>>;

/** One request as the demo sends it. */
export interface Exchange {
  readonly service: ServiceName;
  readonly method: string;
  /** The request target, sent as it stands. */
  readonly path: string;
  /** Pairs, so that a name can occur twice. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: unknown;
  /** Local address to call from: on loopback every 127.x.y.z is one of ours. */
  readonly source: string;
}

/** What came back; status 0 when the connection ended without an answer. */
export interface Outcome {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

export const noAnswer: Outcome = { status: 0, headers: new Map(), text: "" };

/** How long one request may take before it counts as unanswered. */
export const answerTimeoutMs = 10_000;

/** Bytes kept of an answer. */
export const answerBytesMax = 65_536;

export function bearer(token: string): readonly [string, string] {
  return ["authorization", `Bearer ${token}`];
}
