import { isRecord } from "../../kube/object.ts";

/** Characters of an annotation with ports that are read. */
const portListCharactersMax = 1_024;

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

/** `8080, 9090` as port numbers; what is none is left out, and injection has refused it before. */
export function portNumbersOf(text: string | undefined): readonly number[] {
  return (text ?? "")
    .slice(0, portListCharactersMax)
    .split(",")
    .map((part) => part.trim())
    .filter((part) => /^[1-9][0-9]{0,4}$/.test(part))
    .map(Number)
    .filter((port) => port <= 65_535);
}

/** What a container port speaks, by the beginning of its name, as meshes read it. */
export function protocolOf(portName: string): "http1" | "http2" {
  return /^(grpc|http2|h2c)(-|$)/.test(portName) ? "http2" : "http1";
}

export function textsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(recordOf(value)).map(([name, text]) => [name, textOf(text)]));
}
