import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { apiVersion } from "../../core/policy/parse.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ObjectReport } from "./assess.ts";
import { conditionOf, statusName, type Condition, type ObjectStatus } from "./object-status.ts";

/** Status of every object, in memory and as one file each, written only when it changes. */
export class StatusStore {
  readonly #folder: string | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #statuses = new Map<string, ObjectStatus>();
  readonly #written = new Map<string, string>();

  constructor(options: { readonly folder: string | undefined; readonly clock: Clock; readonly log: Log }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Takes away what an earlier run left behind; the times of unchanged conditions are kept from it. */
  start(): void {
    if (this.#folder === undefined) return;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const kind of readdirSync(this.#folder)) {
      for (const file of readdirSync(join(this.#folder, kind))) {
        const name = `${kind}/${file.replace(/\.json$/, "")}`;
        try {
          const text = readFileSync(this.#path(name), "utf8");
          this.#statuses.set(name, JSON.parse(text) as ObjectStatus);
          this.#written.set(name, text);
        } catch (error) {
          this.#log.warn("a status of an earlier run does not read", { name, error });
        }
      }
    }
  }

  all(): readonly ObjectStatus[] {
    return [...this.#statuses.values()];
  }

  update(reports: readonly ObjectReport[]): void {
    const names = new Set<string>();
    for (const report of reports) {
      const name = statusName(report.object.id);
      names.add(name);
      const before = this.#statuses.get(name);
      const status = this.#statusOf(report, before);
      // What says the same stays the same object: nobody has to look into it again.
      const isSame = isDeepStrictEqual(status, before);
      if (!isSame) this.#statuses.set(name, status);
      if (this.#folder !== undefined && (!isSame || !this.#written.has(name))) {
        this.#write(name, `${JSON.stringify(status, undefined, 2)}\n`);
      }
    }
    for (const name of this.#statuses.keys()) {
      if (names.has(name)) continue;
      this.#statuses.delete(name);
      this.#written.delete(name);
      if (this.#folder !== undefined) rmSync(this.#path(name), { force: true });
    }
  }

  #statusOf(report: ObjectReport, before: ObjectStatus | undefined): ObjectStatus {
    const { object, mode, proxies, scorers, overriddenBy, workloads } = report;
    const conditions = report.conditions.map((condition): Condition => {
      const previous = before && conditionOf(before, condition.type);
      const isSame = previous?.status === condition.status;
      const lastTransitionTime = isSame ? previous.lastTransitionTime : new Date(this.#clock.now()).toISOString();
      return { ...condition, observedGeneration: object.observed || object.generation, lastTransitionTime };
    });
    return {
      apiVersion,
      kind: object.id.kind,
      metadata: { ...(object.id.namespace !== "" && { namespace: object.id.namespace }), name: object.id.name },
      file: object.file,
      line: object.line,
      ...(object.sourceGeneration !== undefined && { sourceGeneration: object.sourceGeneration }),
      status: {
        conditions,
        observedGeneration: object.observed || object.generation,
        revision: object.generation,
        ...(mode !== undefined && { mode }),
        ...(proxies && { proxies }),
        ...(scorers && { scorers }),
        ...(overriddenBy && { overriddenBy }),
        ...(workloads && { workloads }),
        problems: object.problems,
      },
    };
  }

  #write(name: string, text: string): void {
    if (this.#folder === undefined || this.#written.get(name) === text) return;
    try {
      writeAtomically(this.#path(name), text);
      this.#written.set(name, text);
    } catch (error) {
      this.#written.delete(name);
      // Tried again with the next change; what is in force does not depend on it.
      this.#log.error("a status cannot be written", { name, error });
    }
  }

  #path(name: string): string {
    return join(this.#folder ?? "", `${name}.json`);
  }
}

/** Readers see the old or the new file, never half of one. */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}
