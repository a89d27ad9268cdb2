import type { PublishedResource } from "./resource-set.ts";
import type { AdsServer } from "./server.ts";
import type { Running } from "./running.ts";
import { countIn, digestOf, type ClientReport } from "./client-report.ts";

/** The part of an ADS server that a reconciler uses. */
export type Publishing = Pick<AdsServer, "publish" | "published" | "retire" | "count">;

/**
 * Publishes to the clients of this replica and counts those of all: proxies and scorers connect to whichever replica
 * they find, and what is said of a policy must not depend on which.
 */
export function countingAll(
  ads: Publishing,
  reports: () => Iterable<ClientReport>,
  /** Clients of a group that should be connected: a pod that lost its stream still runs what it had. */
  expected: (group: string) => number,
): Publishing {
  const wholes = new Map<string, string>();
  return {
    publish: (group, resources: readonly PublishedResource[]) => {
      wholes.set(group, digestOf(resources));
      ads.publish(group, resources);
    },
    published: () => ads.published(),
    retire: (group) => {
      const isGone = ads.retire(group);
      if (isGone) wholes.delete(group);
      return isGone;
    },
    count: (group, resources) => {
      let { current, total, rejected, message }: Running = ads.count(group, resources);
      const whole = wholes.get(group);
      for (const report of reports()) {
        const theirs = countIn(report, group, whole ?? "", resources);
        current += theirs.current;
        total += theirs.total;
        rejected += theirs.rejected;
        message ||= theirs.message;
      }
      return { current, total: Math.max(total, expected(group)), rejected, message };
    },
  };
}
