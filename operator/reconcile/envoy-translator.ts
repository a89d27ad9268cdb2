import { printId } from "../../core/policy/policy.ts";
import type { Address } from "../../platform/config.ts";
import type { Endpoint } from "../translate/endpoint.ts";
import type { ProxyKeyOf } from "../translate/proxy-key.ts";
import {
  translateClosed,
  translateInstall,
  translatePod,
  translateWorkload,
  type Translation,
} from "../translate/translate.ts";
import type { EnvoyResources } from "../translate/resource.ts";
import type { Translator } from "./plan.ts";

/** Translations kept; beyond it all are made anew. */
const rememberedMax = 20_000;

export interface TranslatorOptions {
  readonly ipv6?: boolean;
  /** By which proxies prove themselves to scorers; without it nobody has to. */
  readonly proxyKeyOf?: ProxyKeyOf;
}

/** The real translation, for one place where the scorer answers Check and takes the access log. */
export function envoyTranslator(scorer: Endpoint, options: TranslatorOptions = {}): Translator {
  const { ipv6 = false, proxyKeyOf } = options;
  return remembering({
    install: translateInstall({ scorer, accessLog: scorer }),
    workload: (policy, install, keys) => translateWorkload(policy, install, { keys, proxyKeyOf }),
    closed: (workload, install) => translateClosed(workload, install, { proxyKeyOf }),
    pod: (shape, ports, install) => translatePod(shape, ports, install, { ipv6, proxyKeyOf }),
  });
}

/** Translates a workload or a pod again only when something that the translation reads has changed. */
function remembering(translator: Translator): Translator {
  const workloads = new Remembered<Translation>();
  const pods = new Remembered<EnvoyResources>();
  return {
    ...translator,
    workload: (policy, install, keys) => {
      const issuers = policy.identities.flatMap(({ jwt }) => jwt);
      const fetched = issuers.map((issuer) => (issuer.keys.kind === "uri" ? keys.get(issuer.keys.uri) : undefined));
      const input = JSON.stringify([policy, install, fetched], meaningful);
      return workloads.get(printId(policy.workload.id), input, () => translator.workload(policy, install, keys));
    },
    pod: (shape, ports, install) => {
      const input = JSON.stringify([shape, ports, install], meaningful);
      return pods.get(input, input, () => translator.pod(shape, ports, install));
    },
  };
}

/** The newest answer for each name, as long as its input is the same. */
class Remembered<T> {
  readonly #known = new Map<string, { readonly input: string; readonly answer: T }>();

  get(name: string, input: string, make: () => T): T {
    const held = this.#known.get(name);
    if (held?.input === input) return held.answer;
    const answer = make();
    if (this.#known.size >= rememberedMax) this.#known.clear();
    this.#known.set(name, { input, answer });
    return answer;
  }
}

/** Origins and checked forms say nothing that the texts do not. */
function meaningful(key: string, value: unknown): unknown {
  return key === "origin" || key === "lines" || key === "checked" || key === "sources" ? undefined : value;
}

export function endpointOf(address: Address): Endpoint {
  return address.path === ""
    ? { kind: "address", host: address.host, port: address.port }
    : { kind: "socket", path: address.path };
}
