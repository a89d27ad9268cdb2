/** What came back on one connection. */
export interface Outcome {
  /** Status of each final answer, in order; HTTP/2 streams likewise. */
  readonly statuses: readonly number[];
  /**
   * `answered`: everything that was awaited came. `closed`: the other side ended the connection, or reset the stream,
   * before that. `silent`: neither happened in time.
   */
  readonly end: "answered" | "closed" | "silent";
  /** Everything received, as latin1 text, for markers and messages. */
  readonly text: string;
}

/** How long a sender waits for an answer. Longer than any timeout of a policy, so that `silent` means a hang. */
export const answerTimeoutMs = 5_000;
