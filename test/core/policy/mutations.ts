/** A key or an index on the way to a place in a value. */
export type Step = string | number;

/** Every place in a value that could be replaced. */
export function placesOf(value: unknown, path: readonly Step[] = []): readonly (readonly Step[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: (readonly [Step, unknown])[] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, child]) => placesOf(child, [...path, key]))];
}

/** A copy with one place replaced; undefined removes it. */
export function replaced(value: unknown, [step, ...rest]: readonly Step[], by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value))
    return value.map((child: unknown, index) => (index === step ? replaced(child, rest, by) : child));
  const copy = { ...(value as Record<string, unknown>) };
  const next = replaced(copy[step], rest, by);
  if (next === undefined) delete copy[step];
  else copy[step] = next;
  return copy;
}
