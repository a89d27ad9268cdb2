import { createHash } from "node:crypto";
import type { Running } from "./running.ts";

/** What one replica knows of its clients, for the others. No client is named. */
export interface ClientReport {
  readonly groups: Readonly<Record<string, GroupReport>>;
  /** Workloads whose application answered a canary, with the revision that did not protect them. */
  readonly leaks: Readonly<Record<string, string>>;
}

export interface GroupReport {
  /** Clients by the digest of everything that they have accepted. */
  readonly running: Readonly<Record<string, number>>;
  /** What was refused, by digest of type, name and version. */
  readonly refused: Readonly<Record<string, { readonly clients: number; readonly message: string }>>;
}

/** Groups and refusals of one report that are read; one of ours never has more. */
const groupsMax = 50_000;
const refusalsMax = 1_000;
const leaksMax = 10_000;

/** A resource as it is counted. */
export interface Counted {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
}

/** The same for the same resources in any order. */
export function digestOf(resources: Iterable<Counted>): string {
  const lines = [...resources].map(({ typeUrl, name, version }) => `${typeUrl} ${name} ${version}`).toSorted();
  return createHash("sha256").update(lines.join("\n")).digest("base64url").slice(0, 22);
}

/** What a report says of clients that should run `resources`, in a group of which everything has the digest `whole`. */
export function countIn(report: ClientReport, group: string, whole: string, resources: readonly Counted[]): Running {
  const clients = Object.hasOwn(report.groups, group) ? report.groups[group] : undefined;
  if (clients === undefined) return { current: 0, total: 0, rejected: 0, message: "" };
  const total = Object.values(clients.running).reduce((sum, count) => sum + count, 0);
  let rejected = 0;
  let message = "";
  if (Object.keys(clients.refused).length > 0) {
    for (const resource of resources) {
      const refusal = clients.refused[digestOf([resource])];
      if (refusal === undefined) continue;
      rejected = Math.max(rejected, refusal.clients);
      message ||= refusal.message;
    }
  }
  return { current: clients.running[whole] ?? 0, total, rejected, message };
}

/** Reads what another replica sent; undefined for anything else. */
export function parseReport(value: unknown): ClientReport | undefined {
  const groups = field(value, "groups");
  if (!isRecord(groups) || Object.keys(groups).length > groupsMax) return undefined;
  const read = Object.create(null) as Record<string, GroupReport>;
  for (const [name, group] of Object.entries(groups)) {
    const running = field(group, "running");
    const refused = field(group, "refused");
    if (!isRecord(running) || !isRecord(refused) || Object.keys(refused).length > refusalsMax) return undefined;
    if (!Object.values(running).every(isCount)) return undefined;
    const refusals = Object.values(refused);
    if (!refusals.every((one) => isCount(field(one, "clients")) && typeof field(one, "message") === "string")) {
      return undefined;
    }
    read[name] = { running: running as Record<string, number>, refused: refused as GroupReport["refused"] };
  }
  const leaks = field(value, "leaks");
  if (!isRecord(leaks) || Object.keys(leaks).length > leaksMax) return undefined;
  if (!Object.values(leaks).every((revision) => typeof revision === "string")) return undefined;
  return { groups: read, leaks: leaks as Record<string, string> };
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
