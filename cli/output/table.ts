/** Columns between which two blanks stand. The last one is cut where the terminal ends; nothing wraps. */
export function printTable(columns: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const widths = columns.map((title, index) =>
    rows.reduce((most, row) => Math.max(most, lengthOf(row[index] ?? "")), lengthOf(title)),
  );
  const line = (cells: readonly string[]): string => {
    const text = widths.map((size, index) => pad(cells[index] ?? "", size)).join("  ");
    return cut(text.trimEnd(), width);
  };
  return [line(columns), ...rows.map(line)].map((text) => `${text}\n`).join("");
}

function lengthOf(text: string): number {
  return [...text].length;
}

function pad(text: string, size: number): string {
  return text + " ".repeat(Math.max(0, size - lengthOf(text)));
}

function cut(text: string, width: number): string {
  const letters = [...text];
  return letters.length <= width ? text : `${letters.slice(0, Math.max(1, width - 1)).join("")}…`;
}

/** Columns of the terminal; wide for a file or a pipe, where nothing needs to be cut. */
export function widthOf(output: {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}): number {
  return output.isTTY === true ? (output.columns ?? 80) : 1_000;
}
