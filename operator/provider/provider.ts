import type { Identity, InstallConfig, Workload } from "../../core/policy/identity.ts";
import type { ObjectId, Policy } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";

/** An object that reads. */
export type ReadObject =
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "identity"; readonly identity: Identity }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "config"; readonly config: InstallConfig };

/** As much as can be told about whom a broken policy means to protect. */
export type Aim =
  | { readonly kind: "workloads"; readonly namespace: string; readonly names: readonly string[] }
  | { readonly kind: "namespaces"; readonly names: readonly string[] }
  | { readonly kind: "everything" };

export type SourceObject =
  | { readonly kind: "valid"; readonly id: ObjectId; readonly line: number; readonly object: ReadObject }
  | {
      readonly kind: "invalid";
      readonly id: ObjectId;
      readonly line: number;
      readonly problems: readonly ObjectProblem[];
      readonly aim: Aim;
    };

/** A part of a text in which not even the object can be named. */
export interface Unreadable {
  readonly problems: readonly ObjectProblem[];
  readonly aim: Aim;
}

/** One text of a source (a file, or an object of an API server) and what it holds. */
export interface SourceText {
  /** File name as people know it. */
  readonly file: string;
  readonly text: string;
  readonly objects: readonly SourceObject[];
  readonly unreadable: readonly Unreadable[];
}

/** Everything that a source holds at one time. Never partial: a part that cannot be read is said to be unreadable. */
export interface SourceSnapshot {
  readonly texts: readonly SourceText[];
}

/** Reads one text. Pure; the operator also reads accepted texts of earlier with it. */
export type ReadText = (text: string, file: string) => SourceText;

/** Where objects come from. The operator knows only this. */
export interface Provider {
  /**
   * Delivers a whole snapshot now and after each change until the signal fires. The promise settles after the first
   * delivery; it rejects when the source cannot be read at all. A source that vanishes later delivers nothing.
   */
  start(signal: AbortSignal, deliver: (snapshot: SourceSnapshot) => void): Promise<void>;
}
