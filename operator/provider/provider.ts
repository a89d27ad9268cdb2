import type { Identity, InstallConfig, Workload } from "../../core/policy/identity.ts";
import type { ObjectId, Policy } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import type { PodShape } from "../translate/pod-shape.ts";

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
  /** `metadata.generation` of an object of an API server. */
  readonly generation?: number | undefined;
  readonly objects: readonly SourceObject[];
  readonly unreadable: readonly Unreadable[];
}

/** Proxies that run one configuration: pods of one controller and one shape. */
export interface ProxyGroup {
  /** `proxy|bank/accounts|3f2a9c01` */
  readonly name: string;
  /** Workloads that its pods stand for: one for each port of the shape. */
  readonly workloads: readonly string[];
  readonly shape: PodShape;
}

/** What a cluster says beside the objects of Picket: who runs, and which proxies there are. */
export interface SourceCluster {
  readonly workloads: readonly Workload[];
  readonly groups: readonly ProxyGroup[];
}

/** Everything that a source holds at one time. Never partial: a part that cannot be read is said to be unreadable. */
export interface SourceSnapshot {
  readonly texts: readonly SourceText[];
  /** Absent for a folder, where one proxy serves every `Workload`. */
  readonly cluster?: SourceCluster | undefined;
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
