import { CommandError } from "../errors.ts";
import type { Check } from "./report.ts";

/** Makes checks of one category. */
export function checksOf(category: string) {
  return {
    ok: (name: string, message: string): Check => ({ category, name, status: "ok", message }),
    warn: (name: string, message: string, fix: string): Check => ({ category, name, status: "warn", message, fix }),
    fail: (name: string, message: string, fix: string): Check => ({ category, name, status: "fail", message, fix }),
    /** Runs a look. What the user may not read is a warning: nothing is known of it. */
    look: async (name: string, look: () => Promise<Check | readonly Check[]>): Promise<readonly Check[]> => {
      try {
        const found = await look();
        return Array.isArray(found) ? (found as readonly Check[]) : [found as Check];
      } catch (error) {
        if (!(error instanceof CommandError) || error.code !== "PKT0911") throw error;
        return [{ category, name, status: "warn", message: error.message, fix: error.fix }];
      }
    },
  };
}

/** `1.36` of `v1.36.2-gke.1`. */
export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

export function parseVersion(text: string): KubernetesVersion | undefined {
  const found = /^v?(\d{1,3})\.(\d{1,4})/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]), text };
}

export function isAtLeast({ major, minor }: KubernetesVersion, wanted: readonly [number, number]): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

/** Oldest Kubernetes that has native sidecars switched on, and the one from which on policies may inject. */
export const kubernetesMin = [1, 29] as const;
export const policyInjectionMin = [1, 36] as const;

/** A list for one line: the first few, and how many more. */
export function someOf(names: readonly string[], shown = 5): string {
  const more = names.length > shown ? ` and ${names.length - shown} more` : "";
  return `${names.slice(0, shown).join(", ")}${more}`;
}
