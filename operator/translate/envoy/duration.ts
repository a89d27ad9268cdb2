/** A protobuf Duration. */
export interface Duration {
  readonly seconds: number;
  readonly nanos: number;
}

export function milliseconds(value: number): Duration {
  const seconds = Math.floor(value / 1000);
  return { seconds, nanos: Math.round((value - seconds * 1000) * 1_000_000) };
}
