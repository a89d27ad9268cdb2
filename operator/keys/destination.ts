import { BlockList, isIP } from "node:net";
import type { KeyHosts } from "../../core/policy/identity.ts";

/** What an address is for, as far as fetching is concerned. */
export type AddressClass = "public" | "private" | "loopback" | "never";

/** Where keys may be fetched from. */
export interface Destinations {
  /** What the install says; undefined: every host with public addresses. */
  readonly hosts: KeyHosts | undefined;
  /** False where loopback is the operator's own pod, with its own doors. */
  readonly mayBeLoopback: boolean;
  /** Addresses and networks (`10.96.0.1`, `10.96.0.0/12`) that are never asked: the cluster's own API. */
  readonly never: readonly string[];
}

/** Metadata services, networks of the link, of many receivers, and of no use (RFC 6890). */
const neverNetworks = [
  "0.0.0.0/8",
  "100.100.100.200/32",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::/96",
  "100::/64",
  "2001::/23",
  "2002::/16",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
  "fe80::/10",
  "ff00::/8",
];
const loopbackNetworks = ["127.0.0.0/8", "::1/128"];
/** Of somebody's own (RFC 1918, 6598, 4193), for tests and for examples. */
const privateNetworks = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "172.16.0.0/12",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "64:ff9b:1::/48",
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fec0::/10",
];

const loopback = listOf(loopbackNetworks);
const never = listOf(neverNetworks);
const own = listOf(privateNetworks);

/** What an IP address is for. Text that is none is never asked. */
export function classOfAddress(text: string): AddressClass {
  const address = plain(text);
  const family = isIP(address);
  if (family === 0) return "never";
  const kind = family === 4 ? "ipv4" : "ipv6";
  // Loopback first: ::1 lies in a network that is never asked.
  if (loopback.check(address, kind)) return "loopback";
  if (never.check(address, kind)) return "never";
  return own.check(address, kind) ? "private" : "public";
}

/** Whether a host may be asked that has this address. */
export function mayAsk(text: string, { hosts, mayBeLoopback, never: denied }: Destinations): boolean {
  const address = plain(text);
  if (isIP(address) === 0 || listOf(denied).check(address, isIP(address) === 4 ? "ipv4" : "ipv6")) return false;
  switch (classOfAddress(address)) {
    case "public":
      return true;
    case "private":
      return hosts?.allowPrivateAddresses === true;
    case "loopback":
      return mayBeLoopback && hosts?.allowPrivateAddresses === true;
    case "never":
      return false;
  }
}

/** Whether the install lets this host be asked, by its name. */
export function isAllowedHost(host: string, hosts: KeyHosts | undefined): boolean {
  if (hosts?.allowedHosts === undefined) return true;
  const name = host.toLowerCase().replace(/\.$/, "");
  return hosts.allowedHosts.some((allowed) =>
    allowed.startsWith("*.") ? name.endsWith(allowed.slice(1)) && name.length > allowed.length - 1 : name === allowed,
  );
}

/** The IPv4 address inside an IPv6 one that stands for it (RFC 4291 section 2.5.5.2, RFC 6052), else the address. */
function plain(address: string): string {
  if (isIP(address) !== 6) return address;
  const match = /^(?:::ffff:|64:ff9b::)(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(
    canonical(address),
  );
  if (match === null) return address;
  const [, dotted, high = "0", low = "0"] = match;
  if (dotted !== undefined) return dotted;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join(".");
}

/** The one spelling of RFC 5952. */
function canonical(address: string): string {
  return new URL(`http://[${address.replace(/%.*$/, "")}]/`).hostname.slice(1, -1);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (isIP(address) === 0) continue;
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
