/** A duration in milliseconds. */
export type Millis = number;

/** A moment: milliseconds since 1970-01-01T00:00:00Z. Always passed in, never read from a clock here. */
export type EpochMs = number;
