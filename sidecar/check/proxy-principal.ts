import { anonymous, type Principal } from "../../core/access/principal.ts";
import type { EpochMs } from "../../core/limits/time.ts";
import type { CheckView } from "./check-view.ts";
import { StructClaims, StructReader, type Range } from "./struct-claims.ts";

/** One issuer as the proxy reports about it: `<provider>_payload`, `_header` and `_failed` in its metadata. */
export interface ReportedIssuer {
  readonly provider: string;
  readonly issuer: string;
  readonly principalClaim: string;
  /** Undefined: the session is not named by a claim. */
  readonly sessionClaim: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly keysStale: boolean;
}

/** How far in the future a token may say it was issued (RFC 7519 section 4.1.6), and the leeway of all times. */
export const clockLeewayMs = 60_000;

/** Longest principal id that is kept; a longer one is not a principal. */
export const principalBytesMax = 512;

/** Bytes of verified claims that are read: what a token of 8 KiB can carry (three bytes in four characters). */
export const claimsBytesMax = 6_144;

/** Codes of the proxy's JWT library for a token that was not there, and for one that is past its time. */
const statusMissing = 1;
const statusExpired = 3;

const filterName = "envoy.filters.http.jwt_authn";

/** Where the proxy notes that a token is not spelled in the one way of RFC 7515 section 7.1. */
const shapeFilter = "envoy.filters.http.rbac";
const shapeName = "token_shadow_engine_result";

/** One frozen object for each way to fail that is ours: a flood of bad tokens allocates none. */
function invalidFor(detail: string): Principal {
  return Object.freeze({ kind: "failed", cause: "invalid", detail });
}

const invalid = {
  unreadable: invalidFor("the proxy's word about the token cannot be read"),
  two: invalidFor("tokens of two issuers at once"),
  spelling: invalidFor("the token is not spelled in the one way, or stands in two places"),
  size: invalidFor("the claims are too many, too large or nested too deep"),
  header: invalidFor("the header names an algorithm or extension that is not accepted"),
  times: invalidFor("exp, iat or nbf is missing, no whole number, or in the future"),
  principal: invalidFor("the claim that names the principal is missing or no text"),
};

/** Words of the proxy's JWT library that are passed on: fixed sentences, such as "Audiences in Jwt are not allowed". */
const proxyWords = /^[A-Za-z][A-Za-z0-9 .,'-]{0,99}$/;

const expired: Principal = Object.freeze({ kind: "failed", cause: "expired" });
const keysGone: Principal = Object.freeze({ kind: "failed", cause: "keys" });

/**
 * Reads who calls from what the proxy verified. A token that the proxy took is still refused when its header says what
 * we do not understand (`crit`, `b64`; RFC 7515 section 4.1.11) or its times are not plain, since the proxy ignores
 * those (seen on Envoy 1.40). Reused from check to check.
 */
export class PrincipalReader {
  readonly #reader = new StructReader();
  readonly #payload: Range = { start: 0, end: 0 };
  readonly #claims = new StructClaims(this.#reader);
  readonly #metadata: Range = { start: 0, end: 0 };
  readonly #filter: Range = { start: 0, end: 0 };
  readonly #found: Range = { start: 0, end: 0 };
  readonly #inner: Range = { start: 0, end: 0 };

  /** Throws WireError for metadata that is not well-formed. */
  read(view: CheckView, issuers: readonly PreparedIssuer[], nowMs: EpochMs): Principal {
    if (issuers.length === 0) return anonymous;
    this.#reader.reset(view.bytes);
    this.#metadata.start = view.metadataStart;
    this.#metadata.end = view.metadataEnd;
    if (!this.#reader.find(this.#metadata, filterName, this.#filter)) return anonymous;
    let verified: PreparedIssuer | undefined;
    let failure: Principal | undefined;
    for (const issuer of issuers) {
      if (this.#reader.find(this.#filter, issuer.payloadName, this.#found)) {
        // Two verified tokens: who calls could be read in two ways.
        if (verified !== undefined) return invalid.two;
        if (!this.#reader.openStruct(this.#found, this.#payload)) return invalid.unreadable;
        verified = issuer;
      } else {
        failure = worse(failure, this.#failureOf(issuer));
      }
    }
    if (verified === undefined) return failure ?? anonymous;
    if (this.#isMalformed()) return invalid.spelling;
    if (verified.keysStale) return keysGone;
    if (this.#payload.end - this.#payload.start > claimsBytesMax) return invalid.size;
    if (!this.#claims.read(this.#payload)) return invalid.size;
    if (!this.#isPlainHeader(verified)) return invalid.header;
    if (!this.#arePlainTimes(nowMs)) return invalid.times;
    const id = this.#claims.get(verified.principalClaim);
    if (typeof id !== "string" || id === "" || id.length > principalBytesMax) return invalid.principal;
    const { issuer, sessionClaim } = verified;
    return { kind: "authenticated", id, issuer, claims: this.#claims, sessionClaim };
  }

  /** Anything but a clear word that the text was looked at and found well-formed is malformed. */
  #isMalformed(): boolean {
    if (!this.#reader.find(this.#metadata, shapeFilter, this.#inner)) return true;
    if (!this.#reader.find(this.#inner, shapeName, this.#found)) return true;
    return this.#reader.value(this.#found) !== "allowed";
  }

  #failureOf(issuer: PreparedIssuer): Principal | undefined {
    if (!this.#reader.find(this.#filter, issuer.failedName, this.#found)) return undefined;
    if (!this.#reader.openStruct(this.#found, this.#inner)) return invalid.unreadable;
    const code = this.#reader.find(this.#inner, "code", this.#found) ? this.#reader.value(this.#found) : undefined;
    if (code === statusMissing) return undefined;
    if (issuer.keysStale) return keysGone;
    if (code === statusExpired) return expired;
    const words = this.#reader.find(this.#inner, "message", this.#found) ? this.#reader.value(this.#found) : undefined;
    const detail = typeof words === "string" && proxyWords.test(words) ? words : undefined;
    return { kind: "failed", cause: "invalid", detail };
  }

  #isPlainHeader(issuer: PreparedIssuer): boolean {
    if (!this.#reader.find(this.#filter, issuer.headerName, this.#found)) return false;
    if (!this.#reader.openStruct(this.#found, this.#inner)) return false;
    if (this.#reader.find(this.#inner, "crit", this.#found)) return false;
    if (this.#reader.find(this.#inner, "b64", this.#found)) return false;
    // A compressed payload is no JWS (RFC 7516 section 4.1.3): whoever reads it as one reads something else.
    if (this.#reader.find(this.#inner, "zip", this.#found)) return false;
    const algorithm = this.#reader.find(this.#inner, "alg", this.#found) ? this.#reader.value(this.#found) : undefined;
    return typeof algorithm === "string" && issuer.algorithms.has(algorithm);
  }

  #arePlainTimes(nowMs: EpochMs): boolean {
    const expires = this.#claims.get("exp");
    if (!isTime(expires)) return false;
    const issued = this.#claims.get("iat");
    if (issued !== undefined && !(isTime(issued) && issued * 1000 <= nowMs + clockLeewayMs)) return false;
    const notBefore = this.#claims.get("nbf");
    return notBefore === undefined || isTime(notBefore);
  }
}

/** An issuer with the names of its metadata spelled out once. */
export interface PreparedIssuer extends ReportedIssuer {
  readonly payloadName: string;
  readonly headerName: string;
  readonly failedName: string;
}

export function prepareIssuer(issuer: ReportedIssuer): PreparedIssuer {
  const { provider } = issuer;
  return {
    ...issuer,
    payloadName: `${provider}_payload`,
    headerName: `${provider}_header`,
    failedName: `${provider}_failed`,
  };
}

/** Whole seconds that a date can hold (RFC 7519 section 2, NumericDate; fractions and 2^63 are not plain). */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 8_640_000_000_000;
}

/** Expired says more than invalid: with two issuers the other one fails only because the token is not its own. */
function worse(a: Principal | undefined, b: Principal | undefined): Principal | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a === expired || b === expired ? expired : a;
}
