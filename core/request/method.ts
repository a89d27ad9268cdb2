import type { Method } from "../policy/policy.ts";

/** The method when it is spelled exactly as registered (RFC 9110 9.1: methods are case-sensitive), else undefined. */
export function parseMethod(text: string): Method | undefined {
  switch (text) {
    case "GET":
    case "HEAD":
    case "POST":
    case "PUT":
    case "PATCH":
    case "DELETE":
    case "OPTIONS":
      return text;
    default:
      return undefined;
  }
}
