import { isRecord } from "../../kube/object.ts";

/** A field that should hold an object; anything else reads as an empty one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** What a container port speaks, by the beginning of its name, as meshes read it. */
export function protocolOf(portName: string): "http1" | "http2" {
  return /^(grpc|http2|h2c)(-|$)/.test(portName) ? "http2" : "http1";
}

export function textsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(recordOf(value)).map(([name, text]) => [name, textOf(text)]));
}
