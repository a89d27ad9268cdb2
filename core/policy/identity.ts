import type { Millis } from "../limits/time.ts";
import type { ObjectId, Origin, WorkloadRef } from "./policy.ts";

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

/** Who runs the pods of a workload in a cluster, and how callers come to one of its ports. */
export interface ClusterWorkload {
  /** The controller of the pods (`Deployment`, `Job`, …), or `Pod` for one that nobody controls. */
  readonly kind: string;
  readonly name: string;
  /** Services that select its pods. */
  readonly services: readonly string[];
  /** What the application speaks on the port: HTTP/2 without TLS has no upgrade, so it must be known. */
  readonly protocol: "http1" | "http2";
}

/**
 * What one policy is enforced on. In a folder a `Workload`, which stands for a pod, with addresses `host:port`; in a
 * cluster one port of the pods of one controller, whose name then holds the port: `bank/accounts:8080`.
 */
export interface Workload {
  readonly id: ObjectId;
  readonly origin: Origin;
  readonly labels: Readonly<Record<string, string>>;
  readonly listen: { readonly host: string; readonly port: number };
  readonly upstream: { readonly host: string; readonly port: number };
  readonly serviceAccount?: string | undefined;
  /** Absent for a `Workload` of a folder. */
  readonly cluster?: ClusterWorkload | undefined;
}

/** The name by which people and policies call a workload, without its port. */
export function nameOfWorkload({ id, cluster }: Workload): string {
  return cluster?.name ?? id.name;
}

/** Whether a target reference means a workload. A folder knows no kinds; there the name alone counts. */
export function isMeantBy({ kind, name }: WorkloadRef, { id, cluster }: Workload): boolean {
  if (cluster === undefined) return name === id.name;
  return kind === "Service" ? cluster.services.includes(name) : kind === cluster.kind && name === cluster.name;
}

/** PicketConfig `default`: what holds for the whole install. */
export interface InstallConfig {
  readonly origin: Origin;
  /** Proxies in front that append to X-Forwarded-For; 0: the peer is the client. */
  readonly trustedHops: number;
  /** Where keys may be fetched; without it from any host with public addresses. */
  readonly keys?: KeyHosts | undefined;
}

/** Which hosts the operator may ask for the keys of issuers. */
export interface KeyHosts {
  /** In lower case, literally or `*.example.org` for all below it; undefined: every host. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Whether a host may have a private address. */
  readonly allowPrivateAddresses: boolean;
}
