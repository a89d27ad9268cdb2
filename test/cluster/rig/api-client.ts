import { readFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";

export interface ApiAnswer {
  readonly status: number;
  /** The parsed JSON; the text when it is none. */
  readonly body: unknown;
  /** Texts of the `Warning` headers. */
  readonly warnings: readonly string[];
}

export interface ApiCallOptions {
  /** Object to send as JSON, or text to send as it is. */
  readonly body?: unknown;
  /** `application/json` unless told; server-side apply wants `application/apply-patch+yaml`. */
  readonly contentType?: string;
  readonly timeoutMs?: number;
}

export type ApiCall = (method: string, path: string, options?: ApiCallOptions) => Promise<ApiAnswer>;

export interface ApiClient {
  readonly call: ApiCall;
  readonly close: () => void;
}

const callTimeoutMs = 30_000;
/** Enough for the OpenAPI document of the whole API. */
const bodyBytesMax = 64 << 20;

/** Calls the API as the administrator, or as the bearer of a token. Knows nothing of Picket's own client, on purpose. */
export function createApiClient(options: {
  readonly pki: string;
  readonly apiUrl: string;
  readonly token?: string;
}): ApiClient {
  const read = (file: string): Buffer => readFileSync(join(options.pki, file));
  const who = options.token === undefined ? { cert: read("admin.crt"), key: read("admin.key") } : {};
  const agent = new https.Agent({ keepAlive: true, ca: read("ca.crt"), ...who });
  const bearer = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };

  const call: ApiCall = (method, path, { body, contentType = "application/json", timeoutMs = callTimeoutMs } = {}) =>
    new Promise((resolve, reject) => {
      const request = https.request(
        new URL(path, options.apiUrl),
        {
          agent,
          method,
          signal: AbortSignal.timeout(timeoutMs),
          headers: {
            accept: "application/json",
            ...bearer,
            ...(body === undefined ? {} : { "content-type": contentType }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            bytes += chunk.length;
            if (bytes > bodyBytesMax) response.destroy(new Error(`${method} ${path}: more than ${bodyBytesMax} bytes`));
          });
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            resolve({
              status: response.statusCode ?? 0,
              body: parsed(text),
              warnings: warningsOf(response.headers.warning),
            });
          });
        },
      );
      request.on("error", reject);
      request.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
    });
  return { call, close: () => agent.destroy() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `299 - "text", 299 - "text"` to its texts. */
function warningsOf(header: string | undefined): readonly string[] {
  const found = (header ?? "").matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g);
  return [...found].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"));
}
