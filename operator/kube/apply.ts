import { KubeError } from "./error.ts";
import { isObject, type KubeObject } from "./object.ts";
import { objectPath, type ObjectRef } from "./resource-path.ts";
import type { KubeTransport } from "./transport.ts";

/** What is written of an object: what we own, and nothing else. */
export interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    /** Only on the very object that was read, not on a later one of its name. */
    readonly uid?: string;
    /** Only on the very version that was read. */
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly unknown[];
  };
  readonly [field: string]: unknown;
}

export interface ApplyOptions {
  /** Whose fields these are. What this manager applied before and leaves out now is taken away. */
  readonly fieldManager: string;
  /** Take fields over that others own; without it such a field is a `conflict`. */
  readonly force?: boolean;
  readonly subresource?: "status";
  readonly signal?: AbortSignal;
}

/** Server-side apply: makes the object have these fields, whether it exists or not. Running twice changes nothing. */
export async function apply(
  transport: KubeTransport,
  object: AppliedObject,
  options: ApplyOptions,
): Promise<KubeObject> {
  const path = objectPath({ ...object, ...object.metadata });
  return objectOf(
    await transport.request({
      method: "PATCH",
      path: options.subresource === undefined ? path : `${path}/${options.subresource}`,
      query: { fieldManager: options.fieldManager, force: String(options.force ?? false), fieldValidation: "Strict" },
      // JSON is YAML.
      contentType: "application/apply-patch+yaml",
      body: object,
      ...signalOf(options.signal),
    }),
    path,
  );
}

/** RFC 7386: null takes a field away, a list is replaced whole. The object has to exist. */
export async function mergePatch(
  transport: KubeTransport,
  ref: ObjectRef,
  patch: Readonly<Record<string, unknown>>,
  options: { readonly fieldManager: string; readonly subresource?: "status"; readonly signal?: AbortSignal },
): Promise<KubeObject> {
  const path = objectPath(ref);
  return objectOf(
    await transport.request({
      method: "PATCH",
      path: options.subresource === undefined ? path : `${path}/${options.subresource}`,
      query: { fieldManager: options.fieldManager },
      contentType: "application/merge-patch+json",
      body: patch,
      ...signalOf(options.signal),
    }),
    path,
  );
}

/** The object, or undefined when there is none. */
export async function read(
  transport: KubeTransport,
  ref: ObjectRef,
  signal?: AbortSignal,
): Promise<KubeObject | undefined> {
  const path = objectPath(ref);
  try {
    return objectOf(await transport.request({ method: "GET", path, ...signalOf(signal) }), path);
  } catch (error) {
    if (error instanceof KubeError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** Deletes; whether it was there. With a uid only that very object. */
export async function remove(
  transport: KubeTransport,
  ref: ObjectRef & { readonly uid?: string },
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await transport.request({
      method: "DELETE",
      path: objectPath(ref),
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: "Background",
        ...(ref.uid === undefined ? {} : { preconditions: { uid: ref.uid } }),
      },
      ...signalOf(signal),
    });
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.code === "not-found") return false;
    throw error;
  }
}

function objectOf(answer: unknown, path: string): KubeObject {
  if (isObject(answer)) return answer;
  throw new KubeError({
    code: "malformed",
    status: 200,
    reason: "NoObject",
    message: `${path}: the answer is no object`,
  });
}

function signalOf(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
