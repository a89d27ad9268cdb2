import { proxyAudience } from "../inject/names.ts";
import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { KeyedRate } from "../../platform/keyed-rate.ts";
import type { Log } from "../../platform/log.ts";
import { Bucket } from "../kube/bucket.ts";
import { pause, systemTimers, type Timers } from "../kube/timers.ts";
import type { ReviewToken } from "../kube/token-review.ts";
import type { XdsMetrics } from "./metrics.ts";
import type { Identified, Identify, NodeName } from "./stream.ts";
import { readTokenIdentity, type TokenIdentity } from "./token-identity.ts";

/** Audience that the tokens of scorers are made for; that of proxies is another. Neither is one of the API server's. */
export const scorerAudience = "picket-scorer";

/** Longest token that is looked at; those of Kubernetes have about a thousand characters. */
export const tokenCharactersMax = 8_192;

/** Reviews asked of the API server in a second and at once; the rest wait for their turn. */
export const reviewsPerSecond = 60;
export const reviewsBurst = 60;

/** Clients that may wait for their turn; further ones are sent away and come back with their back-off. */
export const reviewsWaitingMax = 400;

/** Streams that one address may open in a second and at once. */
export const opensPerSecond = 4;
export const opensBurst = 16;

/** Addresses whose openings are remembered; the one that is remembered longest gives way. */
export const addressesMax = 10_000;

/** Least time between two lines in the log about clients that were refused. */
const refusalLogMs = 100;

export interface AuthenticatorOptions {
  readonly review: ReviewToken;
  /** The pod of a proxy by `namespace/name`, as the watch knows it, with the group that it belongs to. */
  readonly proxyOf: (pod: string) => { readonly uid: string; readonly group: string } | undefined;
  /** The one service account whose pods are scorers, and their group. */
  readonly scorer: { readonly namespace: string; readonly serviceAccount: string; readonly group: string };
  /** Names of the clusters under which clients say what they are. */
  readonly clusters: { readonly proxy: string; readonly scorer: string };
  readonly metrics: XdsMetrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: Timers;
  readonly stopping: AbortSignal;
}

/** How it ended; a label of a metric. */
type Outcome =
  | "known"
  /** No token, or nothing like one. */
  | "token-missing"
  /** The API server does not vouch for it, not for this audience, or not for a pod. */
  | "token-refused"
  /** A good token of somebody else. */
  | "token-foreign"
  /** The pod is not there yet, or not any more, in what the operator watches. */
  | "pod-unknown"
  | "review-failed"
  | "busy";

/**
 * Knows clients by the projected token of their pod (docs/decisions/0011-streams-are-opened-by-pod-tokens.md). Every
 * answer of the API server that is not wholly as expected refuses; no answer at all asks the client to come back. An
 * answer is used once, for the streams that wait for it: a token that was revoked opens nothing.
 */
export function createStreamAuthenticator(options: AuthenticatorOptions): Identify {
  const { metrics, clock, log, stopping, timers = systemTimers } = options;
  const bucket = new Bucket({ perSecond: reviewsPerSecond, burst: reviewsBurst, clock });
  const opens = new KeyedRate({ perSecond: opensPerSecond, burst: opensBurst }, { keysMax: addressesMax, clock });
  const running = new Map<string, Promise<unknown>>();
  let loggedAt = Number.NEGATIVE_INFINITY;

  const ended = (outcome: Exclude<Outcome, "known">, node: NodeName, peer: string): Identified => {
    metrics.identities.inc({ result: outcome });
    if (clock.monotonic() - loggedAt >= refusalLogMs) {
      loggedAt = clock.monotonic();
      log.warn("client not let in", { node: node.id, cluster: node.cluster, peer, why: outcome });
    }
    return { refusal: refusals[outcome] };
  };

  /** One question for each token, however many streams it opens. */
  const review = (token: string, audience: string): Promise<unknown> => {
    const key = createHash("sha256").update(`${audience}\n${token}`).digest("base64");
    const shared = running.get(key);
    if (shared !== undefined) return shared;
    const asked = (async () => {
      const waitMs = bucket.reserveMs();
      if (waitMs > 0) await pause(timers, waitMs, stopping);
      return await options.review(token, audience);
    })().finally(() => running.delete(key));
    running.set(key, asked);
    return asked;
  };

  return async (node, authorization, peer) => {
    if (!opens.take(addressOf(peer))) return ended("busy", node, peer);
    const audience = audienceOf(node, options.clusters);
    const token = tokenOf(authorization);
    if (token === undefined || audience === undefined) return ended("token-missing", node, peer);
    if (running.size >= reviewsWaitingMax) return ended("busy", node, peer);
    let status: unknown;
    try {
      status = await review(token, audience);
    } catch (error) {
      log.debug("a token could not be reviewed", { error });
      return ended("review-failed", node, peer);
    }
    const identity = readTokenIdentity(status, audience);
    if (identity === undefined) return ended("token-refused", node, peer);
    const outcome = audience === proxyAudience ? proxyBy(identity, node) : scorerBy(identity, node);
    if (typeof outcome === "string") return ended(outcome, node, peer);
    metrics.identities.inc({ result: "known" });
    return { group: outcome.group, identity: identity.podUid };
  };

  function proxyBy(identity: TokenIdentity, node: NodeName): { group: string } | "token-foreign" | "pod-unknown" {
    const { namespace, podName, podUid } = identity;
    if (node.id !== `${namespace}/${podName}/${podUid}`) return "token-foreign";
    const pod = options.proxyOf(`${namespace}/${podName}`);
    // A pod of the same name that was there before is another pod.
    return pod === undefined || pod.uid !== podUid ? "pod-unknown" : { group: pod.group };
  }

  function scorerBy(identity: TokenIdentity, node: NodeName): { group: string } | "token-foreign" {
    const { namespace, serviceAccount, podName, podUid } = identity;
    const { scorer } = options;
    const isScorer = namespace === scorer.namespace && serviceAccount === scorer.serviceAccount;
    const isNode = node.id === podName || node.id === `${namespace}/${podName}/${podUid}`;
    return isScorer && isNode ? { group: scorer.group } : "token-foreign";
  }
}

const refusals = {
  "token-missing": "unauthenticated",
  "token-refused": "unauthenticated",
  "token-foreign": "denied",
  "pod-unknown": "unavailable",
  "review-failed": "unavailable",
  busy: "exhausted",
} as const satisfies Record<Exclude<Outcome, "known">, string>;

function audienceOf({ cluster }: NodeName, clusters: AuthenticatorOptions["clusters"]): string | undefined {
  if (cluster === clusters.proxy) return proxyAudience;
  return cluster === clusters.scorer ? scorerAudience : undefined;
}

function tokenOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > tokenCharactersMax) return undefined;
  return /^Bearer ([\w.~+/-]+=*)$/.exec(authorization)?.[1];
}

/** The peer without its port. */
function addressOf(peer: string): string {
  return peer.slice(0, Math.max(0, peer.lastIndexOf(":")));
}
