import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "./log.ts";
import { Secret } from "./secret.ts";
import { checkTls, type ServerTls, type TlsMaterial } from "./tls.ts";

/** How often the files are looked at. A certificate is renewed long before it ends. */
export const tlsPollMs = 5_000;

/** A certificate that lies in a folder as `tls.crt` and `tls.key`, as kubelet mounts a Secret of that type. */
export interface TlsFolder extends ServerTls {
  /** Looks now. True when there is another certificate. */
  look(): boolean;
}

/**
 * Reads the certificate; throws when there is none that can be used. From then on it is looked at again and again until
 * the signal, and a pair that cannot be used, such as the new certificate with the old key, changes nothing.
 */
export function watchTlsFolder(folder: string, { log, signal, pollMs = tlsPollMs }: TlsFolderOptions): TlsFolder {
  let current = readPair(folder);
  checkTls(current);
  const listeners: (() => void)[] = [];
  const look = (): boolean => {
    try {
      const next = readPair(folder);
      if (next.certificate === current.certificate && next.key.reveal() === current.key.reveal()) return false;
      checkTls(next);
      current = next;
    } catch (error) {
      log.warn("the certificate cannot be read anew; the last one stays", { folder, error });
      return false;
    }
    log.info("certificate taken over", { folder });
    for (const listener of listeners) listener();
    return true;
  };
  const timer = setInterval(look, pollMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return { context: () => current, onChange: (listener) => void listeners.push(listener), look };
}

interface TlsFolderOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

function readPair(folder: string): TlsMaterial {
  return {
    certificate: readFileSync(join(folder, "tls.crt"), "utf8"),
    key: new Secret(readFileSync(join(folder, "tls.key"), "utf8")),
  };
}
