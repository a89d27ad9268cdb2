import { KubeError, statusError } from "./error.ts";
import { isObject, isRecord, type KubeObject } from "./object.ts";

/** One line of a watch. */
export type WatchEvent =
  | { readonly kind: "changed"; readonly object: KubeObject }
  | { readonly kind: "deleted"; readonly object: KubeObject }
  | { readonly kind: "bookmark"; readonly version: string }
  | { readonly kind: "error"; readonly error: KubeError };

/** Reads a line; throws a KubeError `malformed` when it is not what a watch sends. */
export function parseWatchEvent(line: string, resource: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw malformed("a line of the watch is not JSON", error);
  }
  if (!isRecord(event)) throw malformed("a line of the watch is not an object");
  const { type, object } = event;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      if (!isObject(object)) throw malformed("an event of the watch holds no object");
      return { kind: type === "DELETED" ? "deleted" : "changed", object };
    case "BOOKMARK": {
      const metadata = isRecord(object) && isRecord(object.metadata) ? object.metadata : {};
      if (typeof metadata.resourceVersion !== "string") throw malformed("a bookmark has no version");
      return { kind: "bookmark", version: metadata.resourceVersion };
    }
    case "ERROR": {
      const code = isRecord(object) && typeof object.code === "number" ? object.code : 0;
      return { kind: "error", error: statusError(`watch of ${resource}`, code, object) };
    }
    default:
      throw malformed("a line of the watch has no known type");
  }
}

function malformed(message: string, cause?: unknown): KubeError {
  return new KubeError({ code: "malformed", status: 0, reason: "BadLine", message, cause });
}
