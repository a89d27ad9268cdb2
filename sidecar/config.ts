import { address, oneOf, text, wholeNumber, type ConfigOf } from "../platform/config.ts";
import { logSettings } from "../platform/program.ts";

/** Settings of the scorer, read once from the environment. docs/reference/settings.md lists them. */
export const scorerSettings = {
  listen: address("PICKET_SCORER_LISTEN", { meaning: "where proxies ask: host:port or unix:/path" }),
  status: address("PICKET_SCORER_STATUS", {
    meaning: "where /metrics, /readyz and decisions are served",
    fallback: "127.0.0.1:15030",
  }),
  operator: address("PICKET_OPERATOR", { meaning: "the operator's ADS address" }),
  operatorCa: text("PICKET_OPERATOR_CA", {
    meaning: "PEM file with the authorities of the operator's certificate; none: no TLS, for loopback only",
    fallback: "none",
  }),
  operatorToken: text("PICKET_OPERATOR_TOKEN", {
    meaning: "file with the token that says who this scorer is; needs PICKET_OPERATOR_CA",
    fallback: "none",
  }),
  tls: text("PICKET_SCORER_TLS", {
    meaning: "folder with tls.crt and tls.key for proxies, read again when they change; none: no TLS",
    fallback: "none",
  }),
  node: text("PICKET_NODE", { meaning: "name of this scorer towards the operator", fallback: "scorer" }),
  decisionLog: text("PICKET_DECISION_LOG", {
    meaning: "file for decisions as JSON lines; none: not written",
    fallback: "none",
  }),
  decisions: oneOf("PICKET_DECISIONS", ["all", "refusals"], {
    meaning: "which decisions are written to the file",
    fallback: "all",
  }),
  hashKeyFile: text("PICKET_HASH_KEY_FILE", {
    meaning: "file with the key that hashes principals; none: drawn anew at each start",
    fallback: "none",
  }),
  recordViews: oneOf("PICKET_RECORD_VIEWS", ["off", "on"], {
    meaning: "keep method, path and host of each request in its decision; paths hold identifiers",
    fallback: "off",
  }),
  drainSeconds: wholeNumber(
    "PICKET_SCORER_DRAIN",
    { min: 0, max: 120 },
    { meaning: "seconds for which a scorer that is told to stop goes on, so that proxies find others", fallback: 0 },
  ),
  ...logSettings,
};

export type ScorerConfig = ConfigOf<typeof scorerSettings>;
