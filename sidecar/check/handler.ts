import type { Call } from "../../core/access/call.ts";
import { anonymous, type Principal } from "../../core/access/principal.ts";
import type { Judgement } from "../../core/policy/judge.ts";
import { denialDefault } from "../../core/policy/effective-policy.ts";
import type { Denial, Mode } from "../../core/policy/policy.ts";
import { parseAddress } from "../../core/request/address.ts";
import { judgeBody } from "../../core/request/body.ts";
import { createRequestView, viewRequest, type ViewProblem } from "../../core/request/view.ts";
import { cannotDecide, deny } from "../../core/verdict/verdict.ts";
import type { Reason } from "../../core/verdict/reason.ts";
import type { Clock } from "../../platform/clock.ts";
import type { PolicyStore, WorkloadJudge } from "../policies/store.ts";
import type { Decision } from "../report/decision-record.ts";
import { AnswerEncoder } from "./check-response.ts";
import { CheckView } from "./check-view.ts";
import type { DecisionIds } from "./decision-ids.ts";
import { PrincipalReader } from "./proxy-principal.ts";
import { WireError } from "./wire.ts";

/** Takes decisions off the check path; must not block, throw or allocate much. */
export type DecisionSink = (decision: Decision) => void;

export interface CheckHandlerOptions {
  readonly policies: PolicyStore;
  readonly clock: Clock;
  readonly ids: DecisionIds;
  readonly decided: DecisionSink;
  /** Called instead of it where policies demand a proof and the question carried none: nothing else may be counted. */
  readonly unproven: (reason: Reason) => void;
  /** Called for a fault inside; the request is answered 503 all the same. */
  readonly faulted: (error: unknown) => void;
  /** Keep method, target and host of each request in its decision. */
  readonly recordViews: boolean;
}

/** One Check: bytes in, bytes out, synchronous. Never throws and never answers nothing. */
export type CheckHandler = (request: Uint8Array) => Uint8Array;

/** Header with the client's address as the proxy trusts it; the peer's own address is only the last hop. */
const clientAddressHeader = "x-envoy-external-address";

const unmatched: Judgement = { verdict: cannotDecide("policy-not-ready"), shadow: undefined };

/** Who has no key is not told whether there is such a workload. */
const stranger: Judgement = { verdict: cannotDecide("proxy-unknown"), shadow: undefined };

/**
 * Makes the handler. It parses once, judges, and writes the answer; all scratch space is made here. Policies are chosen
 * by what our own configuration attached to the route, never by anything that the caller wrote.
 */
export function createCheckHandler(options: CheckHandlerOptions): CheckHandler {
  const { policies, clock, ids, decided, unproven, faulted, recordViews } = options;
  const encoder = new AnswerEncoder();
  const view = new CheckView();
  const principals = new PrincipalReader();
  const request = createRequestView();
  const call: { -readonly [K in keyof Call]: Call[K] } = { request, principal: anonymous, sourceAddress: "" };

  const judge = (workload: WorkloadJudge, nowMs: number): Judgement => {
    const { policy } = workload.judge;
    call.principal = principals.read(view, workload.issuers, nowMs);
    call.sourceAddress = parseAddress(view.headers.get(clientAddressHeader) ?? view.peerAddress) ?? "";
    const problem = viewRequest(
      { method: view.method, target: view.target, authority: view.authority, headers: view.headers },
      request,
    );
    if (problem !== undefined) return refusedUnread(problem);
    const body = { bytes: view.body, size: view.bodySize, contentType: view.headers.get("content-type") };
    const bodyProblem = judgeBody(body, policy.source.guards);
    if (bodyProblem !== undefined) return refusedUnread(bodyProblem);
    return workload.judge.judge(call, nowMs);
  };

  const proves = ({ proof }: WorkloadJudge): boolean =>
    !proof.isDemanded || (view.findExtension("key") && proof.proves(view.bytes, view.foundStart, view.foundEnd));

  return (bytes) => {
    const startMs = clock.monotonic();
    const nowMs = clock.now();
    const id = ids.next();
    const number = ids.last;
    let judgement = unmatched;
    let workloadName = "";
    let revision = "";
    let mode: Mode = "enforce";
    let denial: Denial = denialDefault;
    let canary = "";
    let method = "";
    let isProven = true;
    call.principal = anonymous;
    try {
      isProven = !policies.demandsProof;
      view.read(asBuffer(bytes));
      workloadName = view.extension("workload") ?? "";
      const workload = policies.get(workloadName);
      isProven ||= workload !== undefined && proves(workload);
      if (!isProven) judgement = stranger;
      else if (workload !== undefined) {
        const { source } = workload.judge.policy;
        ({ mode, revision, denial } = source);
        judgement = judge(workload, nowMs);
        // The view is reused: where nothing was read into it, it still holds the method of another request.
        if (judgement.verdict.reason !== "method-unknown") method = request.method;
        if (judgement.verdict.reason === "canary") canary = source.revision;
      }
    } catch (error) {
      // Bytes of strangers are no fault in here, and not worth a line in the log each.
      if (isProven || !(error instanceof WireError)) faulted(error);
      const reason = error instanceof WireError ? "check-unreadable" : "internal-error";
      judgement = { verdict: cannotDecide(reason), shadow: undefined };
    }
    const { verdict } = judgement;
    const goesOn = verdict.kind === "allow" || mode !== "enforce";
    let answer: Uint8Array;
    try {
      answer = goesOn ? encoder.allowed(id) : encoder.refused(verdict, denial, id, canary);
    } catch (error) {
      faulted(error);
      answer = encoder.refused(cannotDecide("internal-error"), denialDefault, id, "");
    }
    try {
      if (!isProven) {
        unproven(verdict.reason);
        return answer;
      }
      decided({
        id,
        number,
        by: "scorer",
        timeMs: nowMs,
        workload: workloadName,
        revision,
        mode,
        method,
        judgement,
        principalKind: call.principal.kind,
        principal: nameOf(call.principal),
        durationMs: clock.monotonic() - startMs,
        view: recordViews ? { method: view.method, target: view.target, host: view.authority } : undefined,
        responseStatus: 0,
      });
    } catch (error) {
      faulted(error);
    }
    return answer;
  };
}

/** The answer to a Check whose handling threw outside of the handler; made once, so that nothing can fail again. */
export function lastResort(ids: DecisionIds): () => Uint8Array {
  const encoder = new AnswerEncoder();
  return () => encoder.refused(cannotDecide("internal-error"), denialDefault, ids.next(), "");
}

function refusedUnread(problem: Pick<ViewProblem, "reason"> & { readonly detail?: string }): Judgement {
  return { verdict: deny(problem.reason, { detail: problem.detail }), shadow: undefined };
}

function nameOf(principal: Principal): string {
  return principal.kind === "authenticated" ? `${principal.issuer}\n${principal.id}` : "";
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
