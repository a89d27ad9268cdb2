import { createHash } from "node:crypto";
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
import type { PodShape } from "../translate/pod-shape.ts";
import type { Translator } from "./plan.ts";
import { isSameList } from "./same-list.ts";

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
  const workloads = new Remembered<string, Translation>();
  const pods = new Remembered<PodShape, EnvoyResources>();
  return {
    ...translator,
    workload: (policy, install, keys) => {
      const issuers = policy.identities.flatMap(({ jwt }) => jwt);
      const fetched = issuers.map((issuer) => (issuer.keys.kind === "uri" ? keys.get(issuer.keys.uri) : undefined));
      return workloads.get({
        name: printId(policy.workload.id),
        parts: [policy, install, ...fetched.flatMap((one) => [one?.jwks, one?.stale])],
        text: () => JSON.stringify([policy, install, fetched], meaningful),
        make: () => translator.workload(policy, install, keys),
      });
    },
    pod: (shape, ports, install) =>
      pods.get({
        name: shape,
        parts: [install, ...ports.flatMap(({ workload, strictness }) => [workload, strictness])],
        text: () => JSON.stringify([shape, ports, install], meaningful),
        make: () => translator.pod(shape, ports, install),
      }),
  };
}

interface Question<N, T> {
  readonly name: N;
  /** What the answer is made of: the same parts give the same answer, without a look into them. */
  readonly parts: readonly unknown[];
  /** All of it that means anything, for parts that were made anew and say the same. */
  readonly text: () => string;
  readonly make: () => T;
}

interface Held<T> {
  readonly parts: readonly unknown[];
  /** Of the text: texts of a thousand policies take twenty megabytes. */
  readonly digest: string;
  readonly answer: T;
}

/** The newest answer for each name, as long as its input is the same. */
class Remembered<N, T> {
  readonly #known = new Map<N, Held<T>>();

  get({ name, parts, text, make }: Question<N, T>): T {
    const held = this.#known.get(name);
    if (held !== undefined && isSameList(held.parts, parts)) return held.answer;
    const digest = createHash("sha256").update(text()).digest("base64");
    const answer = held?.digest === digest ? held.answer : make();
    if (this.#known.size >= rememberedMax) this.#known.clear();
    this.#known.set(name, { parts, digest, answer });
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
