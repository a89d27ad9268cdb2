import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { Resolve } from "./fetch-key-set.ts";

/** Asks the system for all addresses of a host, in its order. */
export const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/** The usual authorities and those of a file; undefined where there is none: then the usual ones alone. */
export function authoritiesOf(file: string): readonly string[] | undefined {
  return file === "none" ? undefined : [...rootCertificates, readFileSync(file, "utf8")];
}
