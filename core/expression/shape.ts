import type { Expression, ExpressionProblem } from "./ast.ts";
import { expressionDepthMax, expressionNodesMax, iterationDepthMax } from "./bounds.ts";

/** Counts nodes and depth without recursion, since a tree may be deeper than the stack. */
export function shapeProblem(root: Expression): ExpressionProblem | undefined {
  const open: { node: Expression; depth: number; iterations: number }[] = [{ node: root, depth: 1, iterations: 0 }];
  let nodes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    if (++nodes > expressionNodesMax) {
      const message = `it has more than ${expressionNodesMax} parts`;
      return { message, at: node.at, try: "split the rule in two" };
    }
    if (depth > expressionDepthMax) {
      const message = `it is nested more than ${expressionDepthMax} deep`;
      return { message, at: node.at, try: "remove parentheses that are not needed, or split the rule in two" };
    }
    const iterations = next.iterations + (node.kind === "iterate" ? 1 : 0);
    if (iterations > iterationDepthMax) {
      const message = `${iterations} iterations lie inside each other, at most ${iterationDepthMax} may`;
      return { message, at: node.at, try: "test membership with in instead of the innermost iteration" };
    }
    for (const part of partsOf(node)) open.push({ node: part, depth: depth + 1, iterations });
  }
  return undefined;
}

function partsOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case "literal":
    case "variable":
      return [];
    case "select":
    case "has":
      return [node.operand];
    case "index":
      return [node.operand, node.key];
    case "call":
      return node.target === undefined ? node.arguments : [node.target, ...node.arguments];
    case "list":
      return node.items;
    case "map":
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case "iterate":
      return node.filter === undefined ? [node.range, node.body] : [node.range, node.filter, node.body];
  }
}
