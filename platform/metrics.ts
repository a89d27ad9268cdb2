import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { versionOf } from "./version.ts";

export { Registry } from "prom-client";

/** Distinct values of an open label kept per family; later ones count under `_other`. */
export const labelValuesMax = 500;

/** A label whose values come from objects of users (policy names): bounded, then `_other`. */
export function boundedLabel(max: number, overflowed: () => void): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= max) {
      overflowed();
      return "_other";
    }
    known.add(value);
    return value;
  };
}

interface Family<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/** Metrics are fields of a typed object; these make one field each, in a registry of the program's own. */
export function counter<L extends string = never>(registry: Registry, family: Family<L>): Counter<L> {
  return new Counter({ ...family, labelNames: family.labels ?? [], registers: [registry] });
}

/** `collect` sets values that grow by themselves; it is called on each scrape. */
export function gauge<L extends string = never>(
  registry: Registry,
  family: Family<L> & { readonly collect?: (own: Gauge<L>) => void },
): Gauge<L> {
  const { collect, ...rest } = family;
  const own: Gauge<L> = new Gauge({
    ...rest,
    labelNames: family.labels ?? [],
    registers: [registry],
    ...(collect === undefined ? {} : { collect: () => collect(own) }),
  });
  return own;
}

export function histogram<L extends string = never>(
  registry: Registry,
  family: Family<L> & { readonly buckets: readonly number[] },
): Histogram<L> {
  return new Histogram({
    ...family,
    labelNames: family.labels ?? [],
    buckets: [...family.buckets],
    registers: [registry],
  });
}

/** Which build of which program this is; always 1. */
export function buildInfo(registry: Registry, component: string): Gauge<"component" | "version"> {
  const labels = { component, version: versionOf() };
  return new Gauge({
    name: "picket_build_info",
    help: "Which version of which program this is; always 1.",
    labelNames: ["component", "version"],
    registers: [registry],
    collect() {
      this.set(labels, 1);
    },
  });
}

/** A histogram without labels over a typed array: an observation costs nanoseconds, all else happens on a scrape. */
export class FastHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly #buckets: Float64Array;
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(registry: Registry, family: { name: string; help: string; buckets: readonly number[] }) {
    this.name = family.name;
    this.help = family.help;
    this.#buckets = Float64Array.from(family.buckets);
    this.#counts = new Float64Array(family.buckets.length);
    // prom-client asks a metric for `get` and `reset` only; its types name the classes of its own.
    registry.registerMetric(this as unknown as Histogram);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    const buckets = this.#buckets;
    for (let i = 0; i < buckets.length; i++) {
      if (value <= buckets[i]!) {
        this.#counts[i]!++;
        return;
      }
    }
  }

  reset(): void {
    this.#counts.fill(0);
    this.#sum = 0;
    this.#count = 0;
  }

  /** What a scrape shows, in prom-client's form. */
  async get() {
    let below = 0;
    const values = [...this.#buckets].map((le, i) => {
      below += this.#counts[i]!;
      return { labels: { le: String(le) }, metricName: `${this.name}_bucket`, value: below };
    });
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      aggregator: this.aggregator,
      values: [
        ...values,
        { labels: { le: "+Inf" }, metricName: `${this.name}_bucket`, value: this.#count },
        { labels: {}, metricName: `${this.name}_sum`, value: this.#sum },
        { labels: {}, metricName: `${this.name}_count`, value: this.#count },
      ],
    };
  }
}
