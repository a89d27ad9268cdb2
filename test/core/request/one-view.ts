import { normalisePath } from "../../../core/request/normalise.ts";
import { createPathView, decodeSegment, parsePath } from "../../../core/request/path.ts";
import { pathResolvers } from "../../emulators/paths.ts";

export type Finding =
  | { readonly kind: "refused" }
  | { readonly kind: "agreed" }
  | { readonly kind: "contradiction"; readonly text: string };

const refused: Finding = { kind: "refused" };
const agreed: Finding = { kind: "agreed" };
const view = createPathView();

/**
 * Sends a raw target through the model of the proxy and the parser, and asks every resolver what it would serve. One
 * that resolves to other segments than those judged is a contradiction: the hole that the parser exists to close.
 */
export function findContradiction(raw: string): Finding {
  const normalised = normalisePath(raw);
  if ("problem" in normalised) return refused;
  const again = normalisePath(normalised.path);
  if ("problem" in again || again.path !== normalised.path) {
    return { kind: "contradiction", text: `normalising ${JSON.stringify(normalised.path)} again changes it` };
  }
  if (parsePath(normalised.path, view) !== undefined) return refused;

  const judged: string[] = [];
  for (let i = 0; i < view.segmentCount; i++) {
    const start = view.segmentStarts[i] ?? -1;
    const end = view.segmentEnds[i] ?? -1;
    judged.push(bytesOf(decodeSegment(view.path, start, end)));
  }
  const exact = judged.join("\n");
  const folded = exact.toLowerCase();
  for (const resolver of pathResolvers) {
    const served = resolver.resolve(normalised.path).join("\n");
    if (served !== (resolver.foldsCase ? folded : exact)) {
      return { kind: "contradiction", text: `${resolver.id} (${resolver.habit}) serves ${JSON.stringify(served)}` };
    }
  }
  return agreed;
}

/** Segments compared as bytes: a decoded control or line end cannot occur in an accepted path. */
function bytesOf(text: string): string {
  let ascii = true;
  for (let i = 0; i < text.length && ascii; i++) ascii = text.charCodeAt(i) < 0x80;
  return ascii ? text : Buffer.from(text, "utf8").toString("latin1");
}
