import { parseAddress } from "../../request/address.ts";
import type { Workload } from "../identity.ts";
import { subdomain } from "./metadata.ts";
import { refuse, refuseType, show, type Reader } from "./place.ts";
import { optional, record, required, unsupported } from "./record.ts";

/** Where a workload listens or is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8080` or `[::1]:8080`: an address, never a name that could come to mean another machine. */
const endpoint: Reader<Endpoint> = (place) => {
  const { value } = place;
  const fix = 'write "127.0.0.1:8080" or "[::1]:8080"';
  if (typeof value !== "string") return refuseType(place, "an address with its port", fix);
  const found = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}|[A-Za-z][A-Za-z0-9.-]{0,252})):([0-9]{1,5})$/.exec(value);
  const port = Number(found?.[3] ?? 0);
  if (found === null || port < 1 || port > 65_535 || String(port) !== found[3]) {
    return refuse(place, "PKT0207", `${show(value)} is not an address with its port`, fix);
  }
  const host = parseAddress(found[1] ?? found[2] ?? "");
  if (host !== undefined && host.includes(":") === (found[1] !== undefined)) return { host, port };
  const name = found[2] === "localhost" ? `write "127.0.0.1:${port}"` : fix;
  return refuse(place, "PKT0207", `${show(value)} names no IP address`, name);
};

/** Reads the `spec` of a Workload, a kind for files only. */
export const workloadSpec: Reader<Pick<Workload, "listen" | "upstream" | "serviceAccount">> = record({
  shape: {
    listen: required(endpoint, 'write listen: "127.0.0.1:8080", where callers come to'),
    upstream: required(endpoint, 'write upstream: "127.0.0.1:9080", where the application listens'),
    serviceAccount: optional(subdomain),
    tls: unsupported("end TLS in front of Picket"),
  },
  misplaced: { port: "write it in listen and upstream", labels: "write them in metadata" },
  check({ listen, upstream }, place) {
    if (listen === undefined || upstream === undefined) return;
    if (listen.host !== upstream.host || listen.port !== upstream.port) return;
    const at = { ...place, path: `${place.path}.upstream` };
    refuse(
      at,
      "PKT0209",
      "upstream is the same address as listen: requests would go in a circle",
      "change one of them",
    );
  },
  build: ({ listen, upstream, serviceAccount }) => ({ listen, upstream, serviceAccount }),
});
