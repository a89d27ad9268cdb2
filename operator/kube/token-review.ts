import { isRecord } from "./object.ts";
import type { KubeTransport } from "./transport.ts";

/** Time for the API server's word on one token. */
const reviewMs = 10_000;

/**
 * Asks the API server whose token this is, for one audience. Gives the `status` of its TokenReview as it came; rejects
 * when there is no answer.
 */
export type ReviewToken = (token: string, audience: string) => Promise<unknown>;

export function createTokenReview(transport: Pick<KubeTransport, "request">): ReviewToken {
  return async (token, audience) => {
    const answer = await transport.request({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/tokenreviews",
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, audiences: [audience] },
      },
      timeoutMs: reviewMs,
      // Who asks has a limit of its own; status that is written meanwhile must not keep proxies out.
      urgent: true,
    });
    return isRecord(answer) ? answer["status"] : undefined;
  };
}
