import { address, oneOf, text, type ConfigOf } from "../platform/config.ts";
import { logSettings } from "../platform/program.ts";

/** Settings of the operator, read once from the environment. docs/reference/settings.md lists them. */
export const operatorSettings = {
  folder: text("PICKET_POLICIES", { meaning: "folder with the YAML files that say what is protected and how" }),
  state: text("PICKET_STATE", { meaning: "folder for the status of objects and their last good generation" }),
  listen: address("PICKET_OPERATOR_LISTEN", { meaning: "where proxies and scorers get their configuration" }),
  status: address("PICKET_OPERATOR_STATUS", {
    meaning: "where /metrics, /readyz and /status are served",
    fallback: "127.0.0.1:15040",
  }),
  scorer: address("PICKET_SCORER", { meaning: "where proxies ask the scorer and send their access log" }),
  bootstrap: text("PICKET_PROXY_BOOTSTRAP", {
    meaning: "file into which the start configuration of a proxy on this machine is written",
    fallback: "none",
  }),
  proxyAdmin: address("PICKET_PROXY_ADMIN", {
    meaning: "where that proxy's own administration listens",
    fallback: "127.0.0.1:15000",
  }),
  events: oneOf("PICKET_OPERATOR_EVENTS", ["off", "stdout"], {
    meaning: "print what happens as JSON lines on the standard output",
    fallback: "off",
  }),
  ...logSettings,
};

export type OperatorConfig = ConfigOf<typeof operatorSettings>;
