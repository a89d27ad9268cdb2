import { Secret } from "./secret.ts";

/** One setting: how it is read from the environment and what it means. The list is docs/reference/settings.md. */
export interface Setting<T> {
  readonly name: string;
  readonly fallback: T | undefined;
  readonly parse: (text: string) => T | undefined;
  readonly expects: string;
  /** One sentence for people. */
  readonly meaning: string;
}

type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Thrown for a setting that is missing or does not read; lists all of them at once. */
export class ConfigError extends Error {
  readonly code = "bad-setting";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Reads every setting once. Nothing else in a program looks at the environment. */
export function readConfig<S extends Settings>(settings: S, environment: NodeJS.ProcessEnv): ConfigOf<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, setting] of Object.entries(settings)) {
    const text = environment[setting.name];
    const value = text === undefined || text === "" ? setting.fallback : setting.parse(text);
    if (value === undefined) {
      problems.push(
        text ? `${setting.name} must be ${setting.expects}` : `${setting.name} is not set (${setting.meaning})`,
      );
    }
    values[field] = value;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as ConfigOf<S>;
}

interface Facts<T> {
  readonly meaning: string;
  readonly fallback?: T;
}

export function text(name: string, facts: Facts<string>): Setting<string> {
  return { name, meaning: facts.meaning, fallback: facts.fallback, parse: (value) => value, expects: "text" };
}

/** A value that prints `[redacted]`. */
export function secretText(name: string, facts: Facts<Secret>): Setting<Secret> {
  return {
    name,
    meaning: facts.meaning,
    fallback: facts.fallback,
    parse: (value) => new Secret(value),
    expects: "text",
  };
}

export function oneOf<const T extends string>(name: string, allowed: readonly T[], facts: Facts<T>): Setting<T> {
  const parse = (value: string): T | undefined => allowed.find((candidate) => candidate === value);
  return { name, meaning: facts.meaning, fallback: facts.fallback, parse, expects: `one of ${allowed.join(", ")}` };
}

export function wholeNumber(name: string, range: { min: number; max: number }, facts: Facts<number>): Setting<number> {
  const parse = (value: string): number | undefined => {
    const number = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= range.min && number <= range.max ? number : undefined;
  };
  return {
    name,
    meaning: facts.meaning,
    fallback: facts.fallback,
    parse,
    expects: `a whole number from ${range.min} to ${range.max}`,
  };
}

/** `host:port` or `unix:/path`. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; then host and port are empty and 0. */
  readonly path: string;
}

export function address(
  name: string,
  facts: { readonly meaning: string; readonly fallback?: string },
): Setting<Address> {
  const fallback = facts.fallback === undefined ? undefined : parseAddressText(facts.fallback);
  return { name, meaning: facts.meaning, fallback, parse: parseAddressText, expects: "host:port or unix:/path" };
}

export function parseAddressText(value: string): Address | undefined {
  if (value.startsWith("unix:/")) return { host: "", port: 0, path: value.slice("unix:".length) };
  const at = value.lastIndexOf(":");
  const port = Number(value.slice(at + 1));
  const host = value.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  if (at <= 0 || host === "" || !Number.isInteger(port) || port < 0 || port > 65_535) return undefined;
  return { host, port, path: "" };
}

/** The address as gRPC and people write it. */
export function printAddress(value: Address): string {
  if (value.path !== "") return `unix:${value.path}`;
  return value.host.includes(":") ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`;
}
