/** Why there can be no cluster here, in words that tell what would have to change. Tests are skipped with it. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
