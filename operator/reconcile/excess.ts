import type { Settled } from "./settle.ts";

/** Objects in force, kept or refused at a time. A state with more is not taken over: what is in force stays. */
export const objectsMax = 10_000;

/** The same in a cluster, where each team adds its own. */
export const clusterObjectsMax = 50_000;

/** Characters of the texts remembered for them: twice what a folder may hold. Beyond it likewise. */
export const rememberedCharactersMax = 128 << 20;

/**
 * Why a settled state is too much to take over, undefined when it fits. Objects that are kept because their place
 * cannot be read add up from change to change, so the bound of the folder alone does not hold them.
 */
export function excessOf({ objects, accepted, cluster }: Settled): string | undefined {
  const kept = objects.filter(({ state }) => state === "kept").length;
  const most = cluster === undefined ? objectsMax : clusterObjectsMax;
  if (objects.length > most) {
    return `there are ${objects.length} objects, ${kept} of them kept since they cannot be read; at most ${most} are taken`;
  }
  const texts = new Set([...accepted.values()].map(({ text }) => text));
  let characters = 0;
  for (const text of texts) characters += text.length;
  if (characters <= rememberedCharactersMax) return undefined;
  return `the objects in force and kept take ${characters} characters; at most ${rememberedCharactersMax} are remembered`;
}
