import type { Address } from "../../platform/config.ts";
import type { CheckHandler } from "../check/handler.ts";
import type { AnsweredCall } from "../accesslog/intake.ts";

/** What proxies may ask of a scorer. */
export interface ScorerService {
  readonly check: CheckHandler;
  /** The answer where `check` itself broke. */
  readonly lastResort: () => Uint8Array;
  readonly answered: (call: AnsweredCall) => void;
  /** Whether requests can be judged: proxies send nothing to a scorer that says no. */
  readonly isServing: () => boolean;
  readonly faulted: (error: unknown, stage: "transport" | "access-log") => void;
}

/** One way for proxies to reach a scorer. Every transport is held to test/contract/transport.ts. */
export interface Transport {
  /** Listens; gives the address with the port that was chosen. */
  start(address: Address): Promise<Address>;
  stop(): Promise<void>;
}
