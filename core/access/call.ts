import type { RequestView } from "../request/view.ts";
import type { Principal } from "./principal.ts";

/** One request as the decision sees it: what was asked, by whom, from where. */
export interface Call {
  readonly request: RequestView;
  readonly principal: Principal;
  /** Client address as text, `203.0.113.9` or `2001:db8::1`; empty when unknown. */
  readonly sourceAddress: string;
}
