/** Longest `when` text in characters. */
export const expressionSourceMax = 1_024;

/** Most nodes of the syntax tree. Beyond, the expression is refused. */
export const expressionNodesMax = 256;

/** Deepest nesting of the syntax tree and of parentheses; the language asks for 32. Beyond, the expression is refused. */
export const expressionDepthMax = 40;

/** How many iterations (`all`, `exists`, `map`, …) may lie inside each other. Beyond, the expression is refused. */
export const iterationDepthMax = 2;

/** Highest static cost. One unit is about 10 ns, so the worst evaluation takes about 3 ms. Beyond, it is refused. */
export const expressionCostMax = 300_000;

/**
 * Static cost of all conditions that one request may cause, about 10 ms. Beyond, the next condition cannot be evaluated:
 * its Allow does not apply, its Deny does. One author's rules must not keep a shared scorer from everybody else.
 */
export const conditionsCostMax = 1_000_000;

/** Longest regular expression in characters. Beyond, the expression is refused. */
export const patternSizeMax = 1_024;

/** Longest text (UTF-16 units) that a regular expression is tried on. Beyond, evaluation is an error. */
export const matchTextMax = 1_024;

/** Longest text (UTF-16 units) or byte string read or built at evaluation. Beyond, evaluation is an error. */
export const stringSizeMax = 4_096;

/** Most items of a list or entries of a map read or built at evaluation. Beyond, evaluation is an error. */
export const listSizeMax = 256;

/** Most values looked at by one `==` on lists and maps, and how deep. Beyond, evaluation is an error. */
export const equalityNodesMax = 1_024;
export const equalityDepthMax = 32;
