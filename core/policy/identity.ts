import type { Millis } from "../limits/time.ts";
import type { ObjectId, Origin } from "./policy.ts";

/** Signature algorithms a policy may name. Symmetric ones and `none` are not offered. */
export const algorithms = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"] as const;
export type Algorithm = (typeof algorithms)[number];

/** One token issuer of an ApiIdentity. */
export interface JwtIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** The key set as JSON text, and where a fetch would get it; exactly one is given. */
  readonly keys: { readonly kind: "inline"; readonly jwks: string } | { readonly kind: "uri"; readonly uri: string };
  /** Header and scheme; `Bearer` is also taken in lower case (RFC 9110 section 11.1). */
  readonly from: readonly { readonly header: string; readonly scheme: string }[];
  readonly algorithms: readonly Algorithm[];
  readonly maxLifetimeMs: Millis;
}

/** ApiIdentity or ClusterApiIdentity. */
export interface Identity {
  readonly id: ObjectId;
  readonly origin: Origin;
  readonly jwt: readonly JwtIssuer[];
  readonly principalClaim: string;
  readonly sessionClaim?: string | undefined;
}

/** Kind for files only: stands for a pod. Addresses are `host:port`. */
export interface Workload {
  readonly id: ObjectId;
  readonly origin: Origin;
  readonly labels: Readonly<Record<string, string>>;
  readonly listen: { readonly host: string; readonly port: number };
  readonly upstream: { readonly host: string; readonly port: number };
  readonly serviceAccount?: string | undefined;
}

/** PicketConfig `default`: what holds for the whole install. */
export interface InstallConfig {
  readonly origin: Origin;
  /** Proxies in front that append to X-Forwarded-For; 0: the peer is the client. */
  readonly trustedHops: number;
}
