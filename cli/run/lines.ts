/** Longest line of a child that is read. Of a longer one nothing is taken: half of it would be another message. */
export const lineCharactersMax = 1 << 20;

/** Cuts what a child writes into lines. The returned function takes the text as it comes. */
export function createLineReader(take: (line: string) => void): (text: string) => void {
  let rest = "";
  let isTooLong = false;
  return (text) => {
    const parts = text.split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      if (!isTooLong && rest.length + part.length <= lineCharactersMax) take(rest + part);
      rest = "";
      isTooLong = false;
    }
    isTooLong ||= rest.length + last.length > lineCharactersMax;
    rest = isTooLong ? "" : rest + last;
  };
}
