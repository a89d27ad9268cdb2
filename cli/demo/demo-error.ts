/** The demo cannot go on: what happened, and the words of the program that it happened to. */
export class DemoError extends Error {
  readonly details: string;
  constructor(message: string, details = "") {
    super(message);
    this.name = "DemoError";
    this.details = details;
  }
}
