import { counter, gauge, histogram, type Registry } from "../../platform/metrics.ts";

/** What the client layer counts. Resources and controllers are named by our own code: closed sets. */
export type KubeMetrics = ReturnType<typeof createKubeMetrics>;

export function createKubeMetrics(registry: Registry) {
  /** Asked on each scrape, so that an age grows while nothing happens. */
  const contactAgesMs = new Map<string, () => number>();
  const longestRunningMs = new Map<string, () => number>();
  return {
    contactAgesMs,
    longestRunningMs,
    requests: counter(registry, {
      name: "picket_kube_requests_total",
      help: "Requests to the API server by resource and class of status; none: no answer.",
      labels: ["verb", "resource", "code_class"],
    }),
    requestSeconds: histogram(registry, {
      name: "picket_kube_request_duration_seconds",
      help: "Time from sending a request to the API server to the end of its answer.",
      labels: ["verb"],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30],
    }),
    throttledSeconds: counter(registry, {
      name: "picket_kube_throttled_seconds_total",
      help: "Time that requests waited because of our own limit or because the API server asked for it.",
    }),
    watchEnds: counter(registry, {
      name: "picket_kube_watch_restarts_total",
      help: "Watches that ended and were started again, by cause: ended, empty, idle, expired, malformed, refused, error.",
      labels: ["resource", "cause"],
    }),
    lists: counter(registry, {
      name: "picket_kube_lists_total",
      help: "Whole lists read, by cause: first, expired, malformed, idle, empty, failing, age.",
      labels: ["resource", "cause"],
    }),
    listFailures: counter(registry, {
      name: "picket_kube_list_failures_total",
      help: "Lists that failed and are tried again.",
      labels: ["resource"],
    }),
    malformedLines: counter(registry, {
      name: "picket_kube_malformed_lines_total",
      help: "Lines of a watch that could not be read; each leads to a whole list.",
      labels: ["resource"],
    }),
    transformFaults: counter(registry, {
      name: "picket_kube_transform_faults_total",
      help: "Objects that our code failed on; the last good form of each is kept.",
      labels: ["resource"],
    }),
    objects: gauge(registry, {
      name: "picket_kube_objects",
      help: "Objects held in memory.",
      labels: ["resource"],
    }),
    contactAge: gauge(registry, {
      name: "picket_kube_contact_age_seconds",
      help: "Time since the API server last sent anything about a resource; below a minute where all is well.",
      labels: ["resource"],
      collect: (own) => {
        for (const [resource, ageMs] of contactAgesMs) own.set({ resource }, ageMs() / 1000);
      },
    }),
    queueDepth: gauge(registry, {
      name: "picket_workqueue_depth",
      help: "Keys that wait for a worker.",
      labels: ["controller"],
    }),
    queueWaitSeconds: histogram(registry, {
      name: "picket_workqueue_wait_seconds",
      help: "Time from adding a key to the start of its work.",
      labels: ["controller"],
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 30],
    }),
    queueRetries: counter(registry, {
      name: "picket_workqueue_retries_total",
      help: "Keys worked on again after an error.",
      labels: ["controller"],
    }),
    queueLongestRunning: gauge(registry, {
      name: "picket_workqueue_longest_running_seconds",
      help: "Age of the oldest work that has not ended.",
      labels: ["controller"],
      collect: (own) => {
        for (const [controller, ageMs] of longestRunningMs) own.set({ controller }, ageMs() / 1000);
      },
    }),
    leader: gauge(registry, {
      name: "picket_leader",
      help: "1 where this replica is the one that writes.",
    }),
    leaderChanges: counter(registry, {
      name: "picket_leader_changes_total",
      help: "Times that this replica began or ceased to lead.",
      labels: ["change"],
    }),
    events: counter(registry, {
      name: "picket_kube_events_total",
      help: "Kubernetes events by what became of them: written, repeated, dropped, failed.",
      labels: ["result"],
    }),
  };
}
