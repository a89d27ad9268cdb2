import { Counter, Gauge, Histogram, Registry } from "prom-client";

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

export function gauge<L extends string = never>(registry: Registry, family: Family<L>): Gauge<L> {
  return new Gauge({ ...family, labelNames: family.labels ?? [], registers: [registry] });
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
