import { request, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import { keySetMaxBytes } from "../translate/keys.ts";
import { isAllowedHost, mayAsk, type Destinations } from "./destination.ts";

/** Time for all of it: name, connection, answer. */
export const fetchMsMax = 5_000;

/** Addresses of one host that are looked at. */
const addressesMax = 16;

/** Why keys could not be fetched; a label of a metric, and a word for people. */
export const fetchFailures = [
  "host-refused",
  "address-refused",
  "name-unknown",
  "unreachable",
  "certificate",
  "timeout",
  "redirect",
  "status",
  "too-large",
  "no-keys",
] as const;
export type FetchFailure = (typeof fetchFailures)[number];

/** For people: what each of them means. */
export const failureSentences: Readonly<Record<FetchFailure, string>> = {
  "host-refused": "the host is not among keys.allowedHosts of the PicketConfig",
  "address-refused": "the host has an address that may not be asked (keys.allowPrivateAddresses of the PicketConfig)",
  "name-unknown": "the host has no address",
  unreachable: "the host does not answer",
  certificate: "the host does not prove its name by a certificate that is trusted here",
  timeout: "the host takes too long",
  redirect: "the host sends elsewhere, which is not followed: write the last address",
  status: "the host answers with an error",
  "too-large": "the answer is larger than a key set",
  "no-keys": "the answer is no key set with a key that can be used",
};

export type Fetched =
  | { readonly kind: "fetched"; readonly text: string }
  | { readonly kind: "failed"; readonly failure: FetchFailure; readonly detail: string };

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface FetchParts {
  readonly resolve: Resolve;
  /** PEM of authorities that are trusted beside the usual ones. */
  readonly authorities?: readonly string[] | undefined;
}

/** Gets the text of a key set from just where it may come from. Never rejects. */
export type FetchKeySet = (uri: string, destinations: Destinations, signal: AbortSignal) => Promise<Fetched>;

/**
 * Asks for a key set. Only addresses that were checked are connected to, so that a name cannot mean another
 * host a moment later (DNS rebinding). Nothing that is sent depends on a request of a caller.
 */
export function createFetchKeySet(parts: FetchParts, msMax = fetchMsMax): FetchKeySet {
  return async (uri, destinations, signal) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(msMax)]);
    try {
      const place = await choose(uri, destinations, parts.resolve, deadline);
      if (typeof place === "string") return failed(place, uri);
      return await ask(place, parts.authorities, deadline);
    } catch (error) {
      return failed(deadline.aborted ? "timeout" : "unreachable", messageOf(error));
    }
  };
}

interface Place {
  readonly url: URL;
  /** Checked; the first that answers is taken. */
  readonly addresses: readonly string[];
}

/** Every address of the host must be one that may be asked: one bad one among good ones is an attack or a mistake. */
async function choose(
  uri: string,
  destinations: Destinations,
  resolve: Resolve,
  deadline: AbortSignal,
): Promise<Place | FetchFailure> {
  // Numbers that are addresses in disguise (`https://2130706433/`) are spelt out by it.
  const url = new URL(uri);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.protocol !== "https:" || url.username !== "" || url.password !== "") return "host-refused";
  if (!isAllowedHost(host, destinations.hosts)) return "host-refused";
  let addresses: readonly string[];
  try {
    addresses = isIP(host) === 0 ? await untilAborted(resolve(host), deadline) : [host];
  } catch (error) {
    if (deadline.aborted) throw error;
    return "name-unknown";
  }
  const known = addresses.slice(0, addressesMax);
  if (known.length === 0) return "name-unknown";
  return known.every((address) => mayAsk(address, destinations)) ? { url, addresses: known } : "address-refused";
}

function ask({ url, addresses }: Place, authorities: FetchParts["authorities"], signal: AbortSignal): Promise<Fetched> {
  const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const options: RequestOptions = {
    host: name,
    lookup: (_host, { all }, done) => {
      const [first = ""] = addresses;
      if (all === true)
        done(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        );
      else done(null, first, isIP(first));
    },
    port: url.port === "" ? 443 : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: "GET",
    headers: { host: url.host, accept: "application/jwk-set+json, application/json", "accept-encoding": "identity" },
    agent: false,
    minVersion: "TLSv1.2",
    signal,
    ...(authorities !== undefined && { ca: [...authorities] }),
  };
  return new Promise((resolve) => {
    const asked = request(options, (answer) => {
      const status = answer.statusCode ?? 0;
      const fail = (failure: FetchFailure): void => {
        asked.destroy();
        resolve(failed(failure, `status ${status}`));
      };
      if (status >= 300 && status < 400) return fail("redirect");
      if (status !== 200) return fail("status");
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > keySetMaxBytes) fail("too-large");
        else chunks.push(chunk);
      });
      answer.on("end", () => resolve({ kind: "fetched", text: Buffer.concat(chunks).toString("utf8") }));
      answer.on("error", (error) => resolve(failed(signal.aborted ? "timeout" : "unreachable", messageOf(error))));
    });
    asked.on("error", (error) => {
      if (signal.aborted) resolve(failed("timeout", "no answer in time"));
      else resolve(failed(isCertificateError(error) ? "certificate" : "unreachable", messageOf(error)));
    });
    asked.end();
  });
}

function failed(failure: FetchFailure, detail: string): Fetched {
  return { kind: "failed", failure, detail: detail.slice(0, 200) };
}

/** OpenSSL and Node name what is wrong with a certificate or a handshake by codes of these forms. */
function isCertificateError(error: NodeJS.ErrnoException): boolean {
  return /CERT|ERR_TLS|ERR_SSL|EPROTO|SELF_SIGNED|UNABLE_TO|ISSUER|CRL/.test(error.code ?? "");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown fault";
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error("no answer in time"));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
