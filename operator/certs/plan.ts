import type { EpochMs, Millis } from "../../core/limits/time.ts";
import type { CertificateFacts } from "./authority.ts";

/** How long a new authority is only made known before anything is signed by it: kubelet takes minutes to swap a file. */
export const settleMs: Millis = 15 * 60 * 1000;

/** Authorities that are kept: the one that signs, the one that follows it, and one that is still believed. */
export const authoritiesMax = 3;

/** An authority, newest first where there are several. */
export interface KnownAuthority extends CertificateFacts {
  readonly certificate: string;
}

export interface KnownLeaf extends CertificateFacts {
  /** Digest of the authority that signed it; undefined: none that is known. */
  readonly signer: string | undefined;
}

export interface CertificateState {
  readonly authorities: readonly KnownAuthority[];
  /** By the name of its Secret. */
  readonly leaves: ReadonlyMap<string, KnownLeaf>;
}

export interface CertificatePlan {
  /** Digests of authorities to forget: nobody believes them any more. */
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
  const living = state.authorities
    .filter(({ fromMs, untilMs }) => untilMs > nowMs && fromMs <= nowMs + settleMs)
    .toSorted((a, b) => b.fromMs - a.fromMs)
    .slice(0, authoritiesMax);
  const kept = new Set(living.map(({ digest }) => digest));
  const forget = state.authorities.flatMap(({ digest }) => (kept.has(digest) ? [] : [digest]));
  const [newest] = living;
  if (newest === undefined || isDue(newest, nowMs)) {
    return { forget, createAuthority: true, signer: undefined, issue: [] };
  }
  // The newest that everybody had time to hear of; where there is no other, nobody believes anything else anyway.
  const signer = living.find(({ fromMs }) => nowMs - fromMs >= settleMs) ?? living.at(-1)!;
  const issue = [...wanted].flatMap(([secret, names]) => {
    const leaf = state.leaves.get(secret);
    const isGood =
      leaf !== undefined &&
      leaf.signer !== undefined &&
      kept.has(leaf.signer) &&
      !isDue(leaf, nowMs) &&
      leaf.fromMs <= nowMs + settleMs &&
      names.length === leaf.names.length &&
      names.every((name) => leaf.names.includes(name));
    return isGood && !outlives(leaf, living, nowMs) ? [] : [secret];
  });
  return { forget, createAuthority: false, signer: signer.digest, issue };
}

/** Two thirds of its life are over. */
function isDue({ fromMs, untilMs }: CertificateFacts, nowMs: EpochMs): boolean {
  return nowMs >= fromMs + ((untilMs - fromMs) * 2) / 3;
}

/** Whether the signer of a certificate is so near its end that a certificate of its successor should take over. */
function outlives(leaf: KnownLeaf, living: readonly KnownAuthority[], nowMs: EpochMs): boolean {
  const own = living.find(({ digest }) => digest === leaf.signer);
  const successor = living.find(({ fromMs }) => nowMs - fromMs >= settleMs);
  return (
    own !== undefined && successor !== undefined && successor.digest !== own.digest && successor.fromMs > own.fromMs
  );
}
