import { KubeError } from "./error.ts";
import { isObject, isRecord, type KubeObject } from "./object.ts";
import type { KubeTransport } from "./transport.ts";

/** Objects asked for at once. */
export const pageLimit = 500;

/** Time for one page. */
const pageMs = 60_000;

export interface ListOptions {
  readonly transport: KubeTransport;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Objects asked for at once, instead of `pageLimit`. */
  readonly limit?: number;
}

/** Takes a list as it comes, so that nobody has to hold all of it as it was sent. */
export interface ListReader {
  page(objects: readonly KubeObject[]): void;
  /** Everything so far does not count: the list begins anew. */
  restarted(): void;
}

/**
 * Reads a whole list in pages; answers the version from which a watch goes on. A page that has expired starts it anew
 * in one piece; pages that are too large, in smaller ones. There is no bound on pages: a list cut short would look
 * like deletions.
 */
export async function readList(options: ListOptions, reader: ListReader): Promise<string> {
  let limit: number | undefined = options.limit ?? pageLimit;
  for (;;) {
    try {
      return await readPages(options, limit, reader);
    } catch (error) {
      if (!(error instanceof KubeError) || limit === undefined) throw error;
      if (error.code === "gone") limit = undefined;
      else if (error.reason === "TooLarge" && limit > 1) limit = Math.ceil(limit / 8);
      else throw error;
      reader.restarted();
    }
  }
}

async function readPages(options: ListOptions, limit: number | undefined, reader: ListReader): Promise<string> {
  const { transport, path, signal } = options;
  let page = "";
  for (;;) {
    const body = await transport.request({
      method: "GET",
      path,
      query: {
        ...options.query,
        ...(limit === undefined ? {} : { limit: String(limit) }),
        ...(page === "" ? {} : { continue: page }),
      },
      signal,
      timeoutMs: pageMs,
    });
    const { items, version, next } = readPage(body, path);
    reader.page(items);
    if (next === "") return version;
    if (next === page) throw malformed(path, "a page names itself as the next one");
    page = next;
  }
}

interface Page {
  readonly items: readonly KubeObject[];
  readonly version: string;
  readonly next: string;
}

function readPage(body: unknown, path: string): Page {
  const metadata = isRecord(body) && isRecord(body.metadata) ? body.metadata : {};
  const { resourceVersion, continue: next = "" } = metadata;
  // A Go server sends null for an empty slice.
  const items = isRecord(body) ? (body.items ?? []) : undefined;
  if (typeof resourceVersion !== "string" || resourceVersion === "" || typeof next !== "string") {
    throw malformed(path, "the list has no version");
  }
  if (!Array.isArray(items)) throw malformed(path, "the list has no items");
  if (!items.every(isObject)) throw malformed(path, "the list holds something that is no object");
  return { items, version: resourceVersion, next };
}

function malformed(path: string, why: string): KubeError {
  return new KubeError({ code: "malformed", status: 200, reason: "BadList", message: `GET ${path}: ${why}` });
}
