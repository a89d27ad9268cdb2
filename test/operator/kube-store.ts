import { KubeError, type KubeRequest, type KubeTransport } from "../../operator/kube/transport.ts";

type Stored = Readonly<Record<string, unknown>>;

/** Objects by path, as a transport that takes GET, POST and server-side apply, and can be told to fail. */
export class KubeStore implements KubeTransport {
  readonly objects = new Map<string, Stored>();
  readonly requests: KubeRequest[] = [];
  failing: KubeError | undefined;

  request(request: KubeRequest): Promise<unknown> {
    this.requests.push(request);
    if (this.failing !== undefined) return Promise.reject(this.failing);
    const path = request.path.replace(/\/status$/, "");
    const known = this.objects.get(path);
    switch (request.method) {
      case "GET":
        return known === undefined ? Promise.reject(failure("not-found", 404)) : Promise.resolve(known);
      case "PATCH":
        return Promise.resolve(this.#put(path, { ...known, ...(request.body as Stored) }));
      case "POST": {
        const { name } = (request.body as { readonly metadata: { readonly name: string } }).metadata;
        const own = `${path}/${name}`;
        if (this.objects.has(own)) return Promise.reject(failure("conflict", 409));
        return Promise.resolve(this.#put(own, request.body as Stored));
      }
      default:
        return Promise.reject(failure("other", 405));
    }
  }

  watch(): Promise<void> {
    return Promise.reject(failure("other", 405));
  }

  close(): void {
    this.failing = failure("unavailable", 0);
  }

  #put(path: string, object: Stored): Stored {
    const metadata = { uid: path, resourceVersion: String(this.requests.length), ...(object["metadata"] as Stored) };
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    return stored;
  }
}

export function failure(code: KubeError["code"], status: number): KubeError {
  return new KubeError({ code, status, reason: code, message: code });
}
