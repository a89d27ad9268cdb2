/** How many clients of a group run a list of resources. */
export interface Running {
  readonly current: number;
  readonly total: number;
  readonly rejected: number;
  /** Why the first one refused, cut. Empty when none did. */
  readonly message: string;
}
