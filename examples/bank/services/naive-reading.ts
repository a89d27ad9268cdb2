import type { IncomingHttpHeaders } from "node:http";

/** What the application believes it was asked. */
export interface Reading {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly user: string;
}

/**
 * Reads a request as carelessly as real applications do, all their ways at once: it decodes three times, forgives
 * overlong and look-alike characters, drops path parameters, ignores letter case, and believes headers about method,
 * path and caller. The sample bank is built like this on purpose: whatever gets to it does harm, so the demo counts
 * real leaks.
 */
export function readNaively(method: string, url: string, headers: IncomingHttpHeaders): Reading {
  const asked = first(headers["x-original-url"]) ?? first(headers["x-rewrite-url"]) ?? url;
  const withoutOrigin = asked.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  const end = withoutOrigin.search(/[?#]/);
  const path = end < 0 ? withoutOrigin : withoutOrigin.slice(0, end);
  const query = end < 0 || withoutOrigin[end] === "#" ? "" : withoutOrigin.slice(end + 1);
  const override = first(headers["x-http-method-override"]) ?? first(headers["x-method-override"]);
  return {
    method: (override ?? method).toUpperCase(),
    path: resolve(decode(decode(decode(path)))),
    query: new URLSearchParams(query),
    user: first(headers["x-picket-principal"]) ?? subjectOf(headers.authorization),
  };
}

function decode(text: string): string {
  const plain = text.replace(/%u00([0-9a-f]{2})/gi, "%$1").replace(/%c0%([89ab][0-9a-f])/gi, (_, low: string) => {
    // An overlong form: two bytes for what fits in one, which a strict decoder refuses.
    return String.fromCharCode(Number.parseInt(low, 16) & 0x3f);
  });
  return plain.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll("%", ""), "hex").toString("utf8").normalize("NFKC"),
  );
}

function resolve(path: string): string {
  const untilNul = path.split("\0", 1)[0] ?? "";
  const out: string[] = [];
  for (const raw of untilNul.replaceAll("\\", "/").split("/")) {
    const segment = raw.split(";", 1)[0] ?? "";
    if (segment === "..") out.pop();
    else {
      const name = segment.replace(/[\s.]+$/, "").toLowerCase();
      if (name !== "") out.push(name);
    }
  }
  return `/${out.join("/")}`;
}

/** The caller as the token says it, unverified: checking it is the sidecar's work. */
function subjectOf(authorization: string | undefined): string {
  const payload = /^bearer\s+[^.]*\.([^.]*)/i.exec(authorization ?? "")?.[1];
  if (payload === undefined) return "";
  try {
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { readonly sub?: unknown };
    return typeof claims.sub === "string" ? claims.sub : "";
  } catch {
    return "";
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
