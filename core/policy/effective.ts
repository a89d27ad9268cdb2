import { limitsMax } from "../limits/limiter.ts";
import { isMeantBy, type Identity, type Workload } from "./identity.ts";
import {
  writtenField,
  writtenLimit,
  writtenRule,
  writtenValue,
  writtenWord,
  type ValueBlocks,
} from "./effective-value.ts";
import {
  denialDefault,
  failureDefault,
  type Conflict,
  type EffectiveLimit,
  type EffectiveLine,
  type EffectivePolicy,
  type EffectiveRule,
  type Gate,
} from "./effective-policy.ts";
import {
  modes,
  printId,
  type Denial,
  type Effect,
  type Failure,
  type Guards,
  type Mode,
  type Policy,
} from "./policy.ts";

/** Everything that a source of objects holds and that was found valid. */
export interface PolicyObjects {
  readonly workloads: readonly Workload[];
  readonly policies: readonly Policy[];
  readonly identities: readonly Identity[];
}

/** A policy that names something which is not there, or that cannot do what it says. */
export interface Unresolved {
  /** `namespace/name`. */
  readonly policy: string;
  readonly message: string;
}

export interface EffectivePolicies {
  /** One for each workload, in the order of their names. */
  readonly effective: readonly EffectivePolicy[];
  readonly conflicts: readonly Conflict[];
  readonly unresolved: readonly Unresolved[];
}

/** What a workload enforces, and which policies gave way in it. */
export interface Merged {
  readonly policy: EffectivePolicy;
  readonly conflicts: readonly Conflict[];
}

/**
 * Gives a merge of before for the same workload when all of its inputs are the same objects, else a new one. Merging is
 * pure, so nobody can tell but by the time: of a thousand workloads a change concerns one.
 */
export type RememberMerge = (workload: Workload, inputs: readonly unknown[], merge: () => Merged) => Merged;

const forgetful: RememberMerge = (_workload, _inputs, merge) => merge();

/**
 * Merges cluster, namespace and workload policies into what each workload enforces. Pure, and independent of the order
 * of the objects. Defaults give way to the more specific one field by field, rules and limits by name; a floor only
 * tightens. Nothing here widens: an identity that is not found is one identity fewer.
 */
export function effectivePolicies(objects: PolicyObjects, remember = forgetful): EffectivePolicies {
  const policies = objects.policies.toSorted(byAge);
  const identities = new Map(objects.identities.map((identity) => [printId(identity.id), identity]));
  const conflicts = new Map<string, Conflict>();
  const unresolved: Unresolved[] = [];
  const used = new Set<Policy>();
  const candidatesFor = policiesByNamespace(policies);
  const effective = objects.workloads
    .map((workload) => ({ name: printId(workload.id), workload }))
    .toSorted((a, b) => compareText(a.name, b.name))
    .map(({ workload }) => {
      const sources = candidatesFor(workload.id.namespace).filter((policy) => speaksAbout(policy, workload));
      for (const source of sources) used.add(source);
      const { policy: merged, conflicts: found } = remember(
        workload,
        [workload, ...sources, ...sources.flatMap((source) => identitiesOf(source, identities))],
        () => merge(workload, sources, identities),
      );
      for (const conflict of found) conflicts.set(conflict.policy, conflict);
      if (merged.limits.length > limitsMax) {
        const message = `the policies of ${printId(workload.id)} hold ${merged.limits.length} limits, at most ${limitsMax} are counted`;
        unresolved.push(...sources.map((source) => ({ policy: printId(source.id), message })));
      }
      return merged;
    });
  for (const policy of policies) {
    if (policy.target.kind === "workloads" && !used.has(policy)) {
      unresolved.push({
        policy: printId(policy.id),
        message: `no workload ${policy.target.refs.map(({ name }) => name).join(", ")} in this namespace`,
      });
    }
    if (policy.strategy === "floor" && policy.identityRefs !== undefined) {
      const message = "a Floor cannot add identities: whom they let in was refused before";
      unresolved.push({ policy: printId(policy.id), message });
      continue;
    }
    if (policy.strategy === "floor" && policy.failure?.timeoutMs !== undefined) {
      // Shorter is stricter where failures deny and looser where they allow, so neither direction only tightens.
      unresolved.push({ policy: printId(policy.id), message: "a Floor cannot set failure.timeout" });
    }
    for (const reference of policy.identityRefs ?? []) {
      if (findIdentity(policy, reference, identities) !== undefined) continue;
      unresolved.push({ policy: printId(policy.id), message: `identityRefs names ${reference}, which is not there` });
    }
  }
  return { effective, conflicts: [...conflicts.values()], unresolved };
}

/** Policies that may speak about workloads of a namespace, in the order in which they were given. */
function policiesByNamespace(policies: readonly Policy[]): (namespace: string) => readonly Policy[] {
  const places = new Map(policies.map((policy, place) => [policy, place]));
  const everywhere = policies.filter(({ target }) => target.kind === "cluster");
  const own = Map.groupBy(
    policies.filter(({ target }) => target.kind !== "cluster"),
    ({ id }) => id.namespace,
  );
  const known = new Map<string, readonly Policy[]>();
  return (namespace) => {
    const before = known.get(namespace);
    if (before !== undefined) return before;
    const found = [...everywhere, ...(own.get(namespace) ?? [])].toSorted((a, b) => places.get(a)! - places.get(b)!);
    known.set(namespace, found);
    return found;
  };
}

/** Whether the policy targets the workload. A list of ports that does not hold the workload's port leaves it out. */
export function speaksAbout(policy: Policy, workload: Workload): boolean {
  const { target } = policy;
  const ports = [workload.listen.port, workload.upstream.port];
  if (policy.ports.length > 0 && !policy.ports.some((port) => ports.includes(port))) return false;
  if (target.kind === "cluster") {
    return target.namespaces.length === 0 || target.namespaces.includes(workload.id.namespace);
  }
  if (policy.id.namespace !== workload.id.namespace) return false;
  switch (target.kind) {
    case "namespace":
      return true;
    case "workloads":
      return target.refs.some((ref) => isMeantBy(ref, workload));
    case "labels":
      return Object.entries(target.labels).every(([name, value]) => workload.labels[name] === value);
  }
}

/** 0 cluster, 1 namespace, 2 workload: the more specific has the higher number. */
function levelOf(policy: Policy): number {
  if (policy.target.kind === "cluster") return 0;
  return policy.target.kind === "namespace" ? 1 : 2;
}

function merge(workload: Workload, sources: readonly Policy[], identities: ReadonlyMap<string, Identity>): Merged {
  const conflicts: Conflict[] = [];
  const defaults = oldestPerLevel(sources, conflicts);
  const floors = sources.filter((policy) => policy.strategy === "floor");
  const draft = new Draft();
  for (const policy of defaults) draft.addDefault(policy, identities);
  const base = draft.baseGate(defaults);
  for (const policy of floors) draft.addFloor(policy);
  const policy: EffectivePolicy = {
    workload,
    mode: draft.mode,
    gates: [...(base === undefined ? [] : [base]), ...floors.flatMap(floorGate)],
    limits: draft.limits,
    guards: draft.guards,
    failure: draft.failure,
    denial: draft.denial,
    identities: draft.identities,
    lines: draft.lines(),
    sources: [...defaults, ...floors],
  };
  return { policy, conflicts };
}

/** Among defaults of one level the oldest takes part; the others are conflicts. Floors never conflict: all apply. */
function oldestPerLevel(sources: readonly Policy[], conflicts: Conflict[]): readonly Policy[] {
  const perLevel: Policy[] = [];
  for (const policy of sources) {
    if (policy.strategy === "floor") continue;
    const winner = perLevel[levelOf(policy)];
    if (winner === undefined) perLevel[levelOf(policy)] = policy;
    else conflicts.push({ policy: printId(policy.id), winner: printId(winner.id) });
  }
  return perLevel.filter((policy) => policy !== undefined);
}

/** The growing result of one merge. Defaults first, general to specific; then floors. */
class Draft {
  mode: Mode = "observe";
  guards: Guards = {};
  failure: Failure = failureDefault;
  denial: Denial = denialDefault;
  identities: readonly Identity[] = [];
  readonly #rules = new Map<string, EffectiveRule>();
  readonly #limits = new Map<string, EffectiveLimit>();
  readonly #lines = new Map<string, EffectiveLine>();
  #default: { effect: Effect; policy: Policy } | undefined;

  get limits(): readonly EffectiveLimit[] {
    return [...this.#limits.values()];
  }

  lines(): readonly EffectiveLine[] {
    return [...this.#lines.values()];
  }

  addDefault(policy: Policy, identities: ReadonlyMap<string, Identity>): void {
    const name = printId(policy.id);
    if (policy.mode !== undefined) this.#setMode(policy, policy.mode);
    if (policy.identityRefs !== undefined) {
      this.identities = identitiesOf(policy, identities).filter((identity) => identity !== undefined);
      this.#note("identityRefs", policy.identityRefs.join(", "), policy);
    }
    const effect = policy.access?.default;
    if (effect !== undefined) {
      this.#default = { effect, policy };
      this.#note("access.default", writtenWord(effect), policy);
    }
    for (const rule of policy.access?.rules ?? []) {
      this.#rules.set(rule.name, { ...rule, policy: name });
      this.#note(`access.rules[${rule.name}]`, writtenRule(rule), policy);
    }
    for (const limit of policy.limits ?? []) {
      this.#limits.set(limit.name, { ...limit, policy: name });
      this.#note(`limits[${limit.name}]`, writtenLimit(limit), policy);
    }
    this.guards = this.#fields("guards", policy, this.guards, policy.guards);
    this.failure = this.#fields("failure", policy, this.failure, policy.failure);
    this.denial = this.#fields("denial", policy, this.denial, policy.denial);
  }

  /** The merged access of the defaults; a policy without an `access` block denies. Undefined when there is no default. */
  baseGate(defaults: readonly Policy[]): Gate | undefined {
    const last = defaults.at(-1);
    if (last === undefined) return undefined;
    return {
      policy: printId((this.#default?.policy ?? last).id),
      default: this.#default?.effect ?? "deny",
      demands: false,
      rules: [...this.#rules.values()],
    };
  }

  addFloor(policy: Policy): void {
    const name = printId(policy.id);
    const prefix = `floor ${name}: `;
    for (const rule of policy.access?.rules ?? []) {
      this.#note(`${prefix}access.rules[${rule.name}]`, writtenRule(rule), policy);
    }
    const effect = policy.access?.default;
    if (effect !== undefined) this.#note(`${prefix}access.default`, writtenWord(effect), policy);
    for (const limit of policy.limits ?? []) {
      // Under a name of its own: it holds beside a limit of the same name, so the smaller of the two is felt.
      this.#limits.set(`${name} ${limit.name}`, { ...limit, policy: name });
      this.#note(`${prefix}limits[${limit.name}]`, writtenLimit(limit), policy);
    }
    const { mode, guards = {}, failure = {}, denial = {} } = policy;
    if (mode !== undefined && modes.indexOf(mode) > modes.indexOf(this.mode)) this.#setMode(policy, mode);
    this.guards = this.#fields("guards", policy, this.guards, {
      ...smaller("maxBodyBytes", guards, this.guards),
      ...smaller("maxJsonDepth", guards, this.guards),
    });
    this.failure = this.#fields("failure", policy, this.failure, {
      ...(failure.decision === "deny" ? { decision: "deny" as const } : {}),
      ...smaller("keysMaxStaleMs", failure, this.failure),
    });
    if (denial.showReason === false) {
      this.denial = this.#fields("denial", policy, this.denial, { showReason: false });
    }
  }

  #fields<B extends keyof ValueBlocks>(
    block: B,
    policy: Policy,
    current: ValueBlocks[B],
    change: Partial<ValueBlocks[B]> | undefined,
  ): ValueBlocks[B] {
    const values: Readonly<Record<string, string | number | boolean | undefined>> = { ...change };
    const given = Object.entries(values).filter(
      (entry): entry is [string, string | number | boolean] => entry[1] !== undefined,
    );
    for (const [field, value] of given) {
      this.#note(`${block}.${writtenField(field)}`, writtenValue(field, value), policy);
    }
    return given.length === 0 ? current : { ...current, ...Object.fromEntries(given) };
  }

  #setMode(policy: Policy, mode: Mode): void {
    this.mode = mode;
    this.#note("mode", writtenWord(mode), policy);
  }

  #note(field: string, value: string, policy: Policy): void {
    const before = this.#lines.get(field);
    this.#lines.set(field, {
      field,
      value,
      policy: printId(policy.id),
      file: policy.origin.file,
      line: policy.lines.get(field.replace(/^floor [^:]*: /, "")) ?? policy.origin.line,
      overrides: before === undefined ? [] : [...before.overrides, before.policy],
    });
  }
}

/** The field when the floor's number is smaller than the one that holds now. */
function smaller<K extends string>(
  field: K,
  floor: { readonly [F in K]?: number | undefined },
  current: { readonly [F in K]?: number | undefined },
): { [F in K]?: number } {
  const asked = floor[field];
  const held = current[field];
  if (asked === undefined || (held !== undefined && held <= asked)) return {};
  return { [field]: asked } as { [F in K]?: number };
}

/**
 * A floor's access as a gate of its own. Without a `default` it lets pass what none of its rules matches; where one of
 * its Allow rules matches, that rule's demands must hold.
 */
function floorGate(policy: Policy): readonly Gate[] {
  if (policy.access === undefined) return [];
  const name = printId(policy.id);
  return [
    {
      policy: name,
      default: policy.access.default ?? "allow",
      demands: policy.access.default === undefined,
      rules: policy.access.rules.map((rule) => ({ ...rule, policy: name })),
    },
  ];
}

/** What the references of a policy lead to. */
function identitiesOf(policy: Policy, identities: ReadonlyMap<string, Identity>): readonly (Identity | undefined)[] {
  return (policy.identityRefs ?? []).map((reference) => findIdentity(policy, reference, identities));
}

/** A reference means the identity of the policy's own namespace, else the cluster-wide one of that name. */
function findIdentity(policy: Policy, name: string, identities: ReadonlyMap<string, Identity>): Identity | undefined {
  const own = policy.id.namespace === "" ? undefined : identities.get(`${policy.id.namespace}/${name}`);
  return own ?? identities.get(name);
}

/** Older first; equal ages by name, so that the order of files means nothing. */
function byAge(a: Policy, b: Policy): number {
  return a.createdMs - b.createdMs || compareText(printId(a.id), printId(b.id)) || compareText(a.id.kind, b.id.kind);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
