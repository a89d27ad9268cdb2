import type { Address } from "../../platform/config.ts";
import type { Endpoint } from "../translate/endpoint.ts";
import { translateClosed, translateInstall, translateWorkload } from "../translate/translate.ts";
import type { Translator } from "./plan.ts";

/** The real translation, for one place where the scorer answers Check and takes the access log. */
export function envoyTranslator(scorer: Endpoint): Translator {
  return {
    install: translateInstall({ scorer, accessLog: scorer }),
    workload: (policy, install, keys) => translateWorkload(policy, install, { keys }),
    closed: translateClosed,
  };
}

export function endpointOf(address: Address): Endpoint {
  return address.path === ""
    ? { kind: "address", host: address.host, port: address.port }
    : { kind: "socket", path: address.path };
}
