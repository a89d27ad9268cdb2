/** One document of a file: plain values, and where each of them stands. */
export interface SourceDocument {
  readonly file: string;
  /** Objects without prototype, arrays, strings, numbers, booleans and null. */
  readonly value: unknown;
  /** Line of a field path as field-path.ts writes it, from 1; of the nearest parent that is there; 0 without lines. */
  readonly lineOf: (path: string) => number;
  /** Column of the character at `offset` of a text value, where the file holds the text exactly as it reads. */
  readonly columnOf?: (path: string, offset: number) => number | undefined;
}
