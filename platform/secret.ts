import { inspect } from "node:util";

const hidden = "[redacted]";

/** A value that must not be printed: prints `[redacted]` in strings, JSON, templates and the inspector. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value, for the one place that needs it. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
