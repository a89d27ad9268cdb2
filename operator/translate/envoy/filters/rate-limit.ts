import type { EffectiveLimit } from "../../../../core/policy/effective-policy.ts";
import { LocalRateLimit } from "../../../../protos/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import { HttpFilter } from "../../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { RuntimeFractionalPercent } from "../../../../protos/gen/envoy/config/core/v3/base.ts";
import { FractionalPercent_DenominatorType } from "../../../../protos/gen/envoy/type/v3/percent.ts";
import type { Any } from "../../../../protos/gen/google/protobuf/any.ts";
import { pack } from "../any.ts";
import { milliseconds } from "../duration.ts";

/** Envoy refuses to refill more often. */
export const fillIntervalMinMs = 50;

/** Off until a virtual host brings the limits. */
export function rateLimitFilter(name: string): HttpFilter {
  return HttpFilter.fromPartial({
    name,
    disabled: true,
    configType: { $case: "typedConfig", typedConfig: pack(LocalRateLimit, { statPrefix: "picket" }) },
  });
}

interface TokenBucket {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

/**
 * How far above a limit the proxy starts to shed. Requests that the scorer refuses take from the proxy's bucket too, so
 * at the limit itself the two would refuse in turns and let less through than the policy says.
 */
export const shedFactor = 2;

/**
 * A bucket that passes all traffic up to twice the limit. Window: it is full at first and gets a window's worth back
 * per window, so whenever it is empty, that many passed within the last window. Burst: one refill more than twice the
 * limit's, since refills come in steps.
 */
export function bucketOf(limit: Pick<EffectiveLimit, "requests" | "windowMs" | "burst">): TokenBucket {
  const requests = limit.requests * shedFactor;
  if (limit.burst === undefined) {
    return {
      maxTokens: requests,
      tokensPerFill: requests,
      fillIntervalMs: Math.max(limit.windowMs, fillIntervalMinMs),
    };
  }
  const perTokenMs = limit.windowMs / requests;
  const tokensPerFill = Math.max(1, Math.ceil(fillIntervalMinMs / perTokenMs));
  // Rounded down: refilling too early is lenient, and the scorer counts exactly.
  const fillIntervalMs = Math.max(fillIntervalMinMs, Math.floor(tokensPerFill * perTokenMs));
  return { maxTokens: limit.burst * shedFactor + tokensPerFill, tokensPerFill, fillIntervalMs };
}

/** Sheds what is far over the limits before anything is asked. At least one limit. */
export function rateLimitOverride(limits: readonly EffectiveLimit[]): Any {
  const ordered = limits.toSorted((a, b) => a.windowMs - b.windowMs || (a.name < b.name ? -1 : 1));
  const [first, ...others] = ordered;
  if (first === undefined) throw new Error("a rate limit without limits");
  return pack(LocalRateLimit, {
    statPrefix: "picket",
    filterEnabled: always(),
    filterEnforced: always(),
    enableRetryAfterHeader: true,
    tokenBucket: printBucket(bucketOf(first)),
    ...(others.length > 0 && {
      alwaysConsumeDefaultTokenBucket: true,
      rateLimits: others.map((limit) => ({
        actions: [
          {
            actionSpecifier: {
              $case: "genericKey" as const,
              genericKey: { descriptorValue: limit.name, descriptorKey: "limit" },
            },
          },
        ],
      })),
      descriptors: others.map((limit) => ({
        entries: [{ key: "limit", value: limit.name }],
        tokenBucket: printBucket(bucketOf(limit)),
      })),
    }),
  });
}

function printBucket({ maxTokens, tokensPerFill, fillIntervalMs }: TokenBucket) {
  return { maxTokens, tokensPerFill, fillInterval: milliseconds(fillIntervalMs) };
}

function always(): Parameters<typeof RuntimeFractionalPercent.fromPartial>[0] {
  return { defaultValue: { numerator: 100, denominator: FractionalPercent_DenominatorType.HUNDRED } };
}
