import type { EpochMs } from "../../core/limits/time.ts";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { Identity } from "../../core/policy/identity.ts";
import { printId } from "../../core/policy/policy.ts";
import type { FollowedIssuer, KeyFault } from "../keys/key-fetcher.ts";
import type { HeldKeys } from "../keys/key-memory.ts";
import type { FetchedKeys } from "../translate/issuers.ts";
import { keyOf } from "./accepted.ts";
import { identityKinds, type InForce } from "./in-force.ts";
import type { SettledObject } from "./settle.ts";

/** What was fetched, and what could not be, by address. */
export interface KeyState {
  readonly keys: ReadonlyMap<string, HeldKeys>;
  readonly faults: ReadonlyMap<string, KeyFault>;
}

export const noKeys: KeyState = { keys: new Map(), faults: new Map() };

/** The keys of a policy's issuers as they may be used now. */
export interface PolicyKeys {
  readonly policy: EffectivePolicy;
  /** By address. */
  readonly keys: ReadonlyMap<string, FetchedKeys>;
  /** Identities of which keys are too old to be believed. */
  readonly stale: ReadonlySet<string>;
  /** When the next of them will be. */
  readonly nextMs: EpochMs | undefined;
}

/** Decides by age, and by the policy's own measure, which keys still count. */
export function keysOfPolicy(
  policy: EffectivePolicy,
  { keys }: KeyState,
  badIdentities: readonly SettledObject[],
  nowMs: EpochMs,
): PolicyKeys {
  const { keysMaxStaleMs } = policy.failure;
  const stale = new Set<string>();
  const usable = new Map<string, FetchedKeys>();
  let nextMs: EpochMs | undefined;
  const isOver = (sinceMs: EpochMs): boolean => {
    // A clock that was set back must not make keys young.
    const endsMs = Math.min(sinceMs, nowMs) + keysMaxStaleMs;
    if (endsMs <= nowMs) return true;
    if (nextMs === undefined || endsMs < nextMs) nextMs = endsMs;
    return false;
  };

  const identities = policy.identities.map((identity): Identity => {
    const key = keyOf(identity.id);
    const badSinceMs = badIdentities.find(({ id }) => keyOf(id) === key)?.badSinceMs;
    if (badSinceMs !== undefined && isOver(badSinceMs)) {
      stale.add(key);
      return withoutKeys(identity, usable);
    }
    for (const { keys: source } of identity.jwt) {
      const held = source.kind === "uri" ? keys.get(source.uri) : undefined;
      if (source.kind !== "uri" || held === undefined) continue;
      const isStale = isOver(held.fetchedMs);
      if (isStale) stale.add(key);
      usable.set(source.uri, { jwks: held.jwks, stale: isStale });
    }
    return identity;
  });
  // The same policy where nothing is different, so that it is known again by whoever remembers.
  const isSame = identities.every((identity, index) => identity === policy.identities[index]);
  return { policy: isSame ? policy : { ...policy, identities }, keys: usable, stale, nextMs };
}

/** Stale keys are named as keys that nobody has, so that proxy and scorer refuse all credentials of their issuers. */
function withoutKeys(identity: Identity, usable: Map<string, FetchedKeys>): Identity {
  return {
    ...identity,
    jwt: identity.jwt.map((issuer) => {
      const uri = `stale:${issuer.issuer}`;
      usable.set(uri, { jwks: '{"keys":[]}', stale: true });
      return { ...issuer, keys: { kind: "uri", uri } };
    }),
  };
}

/** Identities whose last good form is in force because the source holds none. */
export function badIdentitiesOf(objects: readonly SettledObject[]): readonly SettledObject[] {
  return objects.filter(({ id, badSinceMs }) => identityKinds.has(id.kind) && badSinceMs !== undefined);
}

/** Every address of keys that is named, with how long its keys may serve where a policy uses them. */
export function followedIssuers(
  { identities }: Pick<InForce, "identities">,
  policies: readonly EffectivePolicy[],
): readonly FollowedIssuer[] {
  const least = new Map<string, number>();
  for (const { identities: used, failure } of policies) {
    for (const { id } of used) {
      const key = keyOf(id);
      least.set(key, Math.min(failure.keysMaxStaleMs, least.get(key) ?? Number.POSITIVE_INFINITY));
    }
  }
  return identities.flatMap(({ id, jwt }) =>
    jwt.flatMap(({ keys, algorithms }): FollowedIssuer[] => {
      if (keys.kind !== "uri") return [];
      return [{ uri: keys.uri, identity: printId(id), algorithms, maxStaleMs: least.get(keyOf(id)) }];
    }),
  );
}

/** What is to be said of an identity whose keys do not come. */
export interface KeyTrouble {
  /** None at all, or the last ones serve on. */
  readonly kind: "missing" | "kept";
  readonly message: string;
}

export function keyTroubles(
  { identities }: Pick<InForce, "identities">,
  { keys, faults }: KeyState,
): ReadonlyMap<string, KeyTrouble> {
  const troubles = new Map<string, KeyTrouble>();
  for (const { id, jwt } of identities) {
    for (const { keys: source, issuer } of jwt) {
      if (source.kind !== "uri") continue;
      const fault = faults.get(source.uri);
      const isHeld = keys.has(source.uri);
      if (isHeld && fault === undefined) continue;
      const why = fault?.sentence ?? "they have not been asked for yet";
      const before = troubles.get(keyOf(id));
      if (before?.kind === "missing" || (before !== undefined && isHeld)) continue;
      troubles.set(keyOf(id), {
        kind: isHeld ? "kept" : "missing",
        message: isHeld
          ? `keys of ${issuer} cannot be fetched: ${why}; the last ones serve on`
          : `keys of ${issuer} are not there: ${why}; its tokens fail`,
      });
    }
  }
  return troubles;
}
