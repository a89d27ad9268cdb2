import { randomUUID, sign, type KeyObject } from "node:crypto";
import { notFound, ok, type Handler } from "./application.ts";
import type { Person } from "./people.ts";

/** How long a token of the sample bank holds. */
const tokenSeconds = 900;

interface Credentials {
  readonly user?: unknown;
  readonly password?: unknown;
  readonly code?: unknown;
}

/** Checks passwords as often as anybody likes, and issues ES256 tokens; a second factor raises `acr` to 2. */
export function createLogin(people: readonly Person[], privateKey: KeyObject, publicJwk: object): Handler {
  const byName = new Map(people.map((person) => [person.user, person]));
  return ({ method, path, body }) => {
    if (path === "/healthz") return ok({ up: true });
    if (path === "/jwks") return ok({ keys: [publicJwk] });
    if (path.startsWith("/debug")) return ok({ environment: { SESSION_KEY: "made-up" } });
    if (method !== "POST" || path !== "/login") return notFound;
    const shown = (body ?? {}) as Credentials;
    const person = typeof shown.user === "string" ? byName.get(shown.user) : undefined;
    // Compared as plain text: good enough for a sample whose passwords are public.
    if (person === undefined || shown.password !== person.password) {
      return { status: 401, body: { error: "unknown user or wrong password" } };
    }
    const secondFactor = person.code !== undefined && shown.code === person.code;
    return ok({ token: issue(person, secondFactor ? "2" : "1"), expiresIn: tokenSeconds });
  };

  function issue(person: Person, acr: string): string {
    const now = Math.floor(Date.now() / 1_000);
    const header = { alg: "ES256", typ: "JWT", kid: "bank-1" };
    const claims = {
      iss: "https://id.bank.example",
      aud: "bank-api",
      sub: person.sub,
      account: person.account,
      roles: person.roles,
      scope: person.scope,
      acr,
      sid: randomUUID(),
      iat: now,
      exp: now + tokenSeconds,
    };
    const signed = `${encode(header)}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
