import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { KubeError } from "./error.ts";
import type { KubeMetrics } from "./metrics.ts";
import { microTime } from "./micro-time.ts";
import { listPath, objectPath, type ObjectRef } from "./resource-path.ts";
import type { KubeTransport } from "./transport.ts";

/** One object tells one reason at most this often; what comes meanwhile is counted and told with the next. */
export const repeatMsMin = 5 * 60_000;

/** Events that wait to be written. Beyond, new ones are dropped: an event is a courtesy, the status is the truth. */
export const pendingMax = 200;

/** Pairs of object and reason that are remembered; the oldest gives way. */
export const rememberedMax = 2_000;

/** How long the API server keeps an event; a later repetition is a new one. */
const keptMs = 60 * 60_000;

/** Longest note and reason that the API server takes. */
const noteBytesMax = 1_024;
const reasonMax = 128;

const eventsApi = "events.k8s.io/v1";

export type EventType = "Normal" | "Warning";

/** What an event is about. */
export interface EventSubject extends ObjectRef {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface Events {
  /** Tells people, in `kubectl describe`, what happened to an object. Never throws and never waits. */
  emit(subject: EventSubject, type: EventType, reason: string, note: string): void;
  /** Resolves when nothing waits to be written. */
  flushed(): Promise<void>;
}

export interface EventsOptions {
  readonly transport: KubeTransport;
  /** Who tells: `picket.dev/operator`. */
  readonly component: string;
  /** Which replica: the name of the pod. */
  readonly instance: string;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Writes Kubernetes events, few of them. */
export function createEvents(options: EventsOptions): Events {
  return new WrittenEvents(options);
}

interface Story {
  readonly subject: EventSubject;
  readonly type: EventType;
  readonly reason: string;
  note: string;
  /** When it was last written, by the monotonic clock; undefined: not yet. */
  toldAtMs: number | undefined;
  /** The event that was written, and when; undefined when it could not be. */
  written: { readonly name: string; readonly note: string; readonly atMs: number } | undefined;
  /** How often it happened since the event was made. */
  count: number;
  isPending: boolean;
}

class WrittenEvents implements Events {
  readonly #options: EventsOptions;
  readonly #stories = new Map<string, Story>();
  readonly #pending: Story[] = [];
  #writing: Promise<void> | undefined;
  #serial = 0;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  emit(subject: EventSubject, type: EventType, reason: string, note: string): void {
    const { metrics, clock } = this.#options;
    const story = this.#story(subject, type, reason);
    story.note = cut(note, noteBytesMax);
    story.count++;
    if (story.isPending || (story.toldAtMs !== undefined && clock.monotonic() - story.toldAtMs < repeatMsMin)) {
      metrics.events.inc({ result: "repeated" });
      return;
    }
    if (this.#pending.length >= pendingMax) {
      metrics.events.inc({ result: "dropped" });
      return;
    }
    story.isPending = true;
    story.toldAtMs = clock.monotonic();
    this.#pending.push(story);
    this.#writing ??= this.#write();
  }

  async flushed(): Promise<void> {
    await this.#writing;
  }

  #story(subject: EventSubject, type: EventType, reason: string): Story {
    const { apiVersion, kind, namespace = "", name, uid = "" } = subject;
    const key = [apiVersion, kind, namespace, name, uid, type, reason].join("|");
    const known = this.#stories.get(key);
    // Taken out and put in again: the oldest comes first.
    this.#stories.delete(key);
    const story: Story = known ?? {
      subject,
      type,
      reason: reason.slice(0, reasonMax),
      note: "",
      toldAtMs: undefined,
      written: undefined,
      count: 0,
      isPending: false,
    };
    this.#stories.set(key, story);
    for (const oldest of this.#stories.keys()) {
      if (this.#stories.size <= rememberedMax) break;
      this.#stories.delete(oldest);
    }
    return story;
  }

  async #write(): Promise<void> {
    const { metrics, log } = this.#options;
    for (let story = this.#pending.shift(); story !== undefined; story = this.#pending.shift()) {
      story.isPending = false;
      try {
        await this.#tell(story);
        metrics.events.inc({ result: "written" });
      } catch (error) {
        metrics.events.inc({ result: "failed" });
        log.debug("an event could not be written", { reason: story.reason, error });
      }
    }
    this.#writing = undefined;
  }

  /** Repeats the event that is there, or makes one. What an event says cannot be changed, only how often it happened. */
  async #tell(story: Story): Promise<void> {
    const { clock } = this.#options;
    const { written } = story;
    if (written !== undefined && written.note === story.note && clock.monotonic() - written.atMs < keptMs) {
      if (await this.#repeat(story, written.name)) return;
    }
    story.written = undefined;
    story.count = 1;
    const name = await this.#create(story);
    story.written = { name, note: story.note, atMs: clock.monotonic() };
  }

  async #create(story: Story): Promise<string> {
    const { transport, component, instance, clock } = this.#options;
    const { subject, type, reason, note } = story;
    const namespace = namespaceOf(subject);
    const serial = `${clock.now().toString(16)}${(this.#serial++).toString(16).padStart(4, "0")}`;
    const name = `${subject.name.slice(0, 200)}.${serial}`;
    await transport.request({
      method: "POST",
      path: listPath({ apiVersion: eventsApi, kind: "Event", namespace }),
      body: {
        apiVersion: eventsApi,
        kind: "Event",
        metadata: { name, namespace },
        eventTime: microTime(clock.now()),
        reportingController: component,
        reportingInstance: instance,
        action: reason,
        reason,
        type,
        note,
        regarding: subject,
      },
    });
    return name;
  }

  async #repeat(story: Story, name: string): Promise<boolean> {
    const { transport, clock } = this.#options;
    try {
      await transport.request({
        method: "PATCH",
        path: objectPath({ apiVersion: eventsApi, kind: "Event", namespace: namespaceOf(story.subject), name }),
        contentType: "application/merge-patch+json",
        body: { series: { count: Math.max(2, story.count), lastObservedTime: microTime(clock.now()) } },
      });
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.code === "not-found") return false;
      throw error;
    }
  }
}

/** Events about objects of the cluster live in `default`. */
function namespaceOf(subject: EventSubject): string {
  return subject.namespace === undefined || subject.namespace === "" ? "default" : subject.namespace;
}

/** At most that many bytes, whole characters. */
function cut(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  let kept = "";
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax - 3) break;
    kept += character;
  }
  return `${kept}…`;
}
