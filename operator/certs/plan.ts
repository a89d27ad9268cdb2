import type { EpochMs, Millis } from "../../core/limits/time.ts";
import type { CertificateFacts } from "./authority.ts";

/** How long a new authority is only made known before anything is signed by it: kubelet takes minutes to swap a file. */
export const settleMs: Millis = 15 * 60 * 1000;

/** How much later than now something may have been issued: clocks of replicas differ. */
export const skewMs: Millis = 15 * 60 * 1000;

/** Authorities that are kept: the one that signs, the one that follows it, and one that is still believed. */
export const authoritiesMax = 3;

export interface KnownLeaf extends CertificateFacts {
  /** Digest of the authority that signed it; undefined: none that is known. */
  readonly signer: string | undefined;
}

export interface CertificateState {
  readonly authorities: readonly CertificateFacts[];
  /** By the name of its Secret. */
  readonly leaves: ReadonlyMap<string, KnownLeaf>;
}

export interface CertificatePlan {
  /** Digests of authorities to forget: they have ended, or there are too many. */
  readonly forget: readonly string[];
  /** Whether a new authority has to be made first; the plan is then made again. */
  readonly createAuthority: boolean;
  /** Digest of the authority that signs; undefined while there is none. */
  readonly signer: string | undefined;
  /** Secrets whose certificate has to be issued. */
  readonly issue: readonly string[];
}

/**
 * What has to be done so that every server has a certificate that every client believes. Pure; wall-clock times, since
 * a machine that slept must still see that a certificate has ended.
 *
 * An authority is replaced after two thirds of its life. The new one is believed before it signs, and the old one is
 * believed until it ends, so no client ever meets a certificate that it cannot check.
 */
export function planCertificates(
  state: CertificateState,
  nowMs: EpochMs,
  wanted: ReadonlyMap<string, readonly string[]>,
): CertificatePlan {
  const newestFirst = state.authorities.toSorted((a, b) => b.fromMs - a.fromMs);
  const isAhead = ({ fromMs }: CertificateFacts): boolean => fromMs > nowMs + skewMs;
  const living = newestFirst.filter((one) => one.untilMs > nowMs && !isAhead(one)).slice(0, authoritiesMax);
  // From a time that has not come: this clock is behind, or one was ahead. Others may believe it, so it is not forgotten.
  const ahead = newestFirst.filter(isAhead).slice(0, 1);
  const kept = new Set([...living, ...ahead].map(({ digest }) => digest));
  const forget = state.authorities.flatMap(({ digest }) => (kept.has(digest) ? [] : [digest]));
  const [newest] = living;
  if (newest === undefined || isDue(newest, nowMs)) {
    return { forget, createAuthority: true, signer: undefined, issue: [] };
  }
  // The newest that everybody had time to hear of; where there is none, the one that most have heard of.
  const signer = living.find(({ fromMs }) => nowMs - fromMs >= settleMs) ?? living.at(-1)!;
  const isGood = (leaf: KnownLeaf | undefined, names: readonly string[]): boolean => {
    const vouching = living.find(({ digest }) => digest === leaf?.signer);
    return (
      leaf !== undefined &&
      vouching !== undefined &&
      // Taken over by the successor as soon as that one signs.
      vouching.fromMs >= signer.fromMs &&
      !isDue(leaf, nowMs) &&
      !isAhead(leaf) &&
      names.length === leaf.names.length &&
      names.every((name) => leaf.names.includes(name))
    );
  };
  const issue = [...wanted].flatMap(([secret, names]) => (isGood(state.leaves.get(secret), names) ? [] : [secret]));
  return { forget, createAuthority: false, signer: signer.digest, issue };
}

/** Two thirds of its life are over. */
function isDue({ fromMs, untilMs }: CertificateFacts, nowMs: EpochMs): boolean {
  return nowMs >= fromMs + ((untilMs - fromMs) * 2) / 3;
}
