import assert from "node:assert/strict";
import { factsOf, reasons, type Reason } from "../../../core/verdict/reason.ts";
import type { Denial } from "../../../core/policy/policy.ts";
import { allow, cannotDecide, challenge, deny, throttle, type Verdict } from "../../../core/verdict/verdict.ts";
import { CheckResponse } from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import { refusalOf } from "./check-requests.ts";
import { AnswerEncoder, decisionIdLength, EncodeError, templatesMax } from "../../../sidecar/check/check-response.ts";

const id = "k3v9q2m000000001";
const denials: readonly Denial[] = [
  { body: "problem", showReason: false },
  { body: "problem", showReason: true },
  { body: "empty", showReason: true },
];

function verdictOf(reason: Reason): Verdict {
  const { kind } = reasons[reason];
  if (kind === "allow") return allow(reason as Parameters<typeof allow>[0]);
  if (kind === "deny") return deny(reason as Parameters<typeof deny>[0], { detail: "detail" });
  if (kind === "challenge") return challenge(2);
  return kind === "throttle" ? throttle(17) : cannotDecide(reason as Parameters<typeof cannotDecide>[0]);
}

const all = (Object.keys(reasons) as Reason[]).map(verdictOf);
const refusals = all.filter(({ kind }) => kind !== "allow");

/** What Envoy 1.40 does with an answer (seen): only status OK, or no status, lets a request through. */
function isAllowed(response: CheckResponse): boolean {
  return response.httpResponse?.$case !== "errorResponse" && (response.status?.code ?? 0) === 0;
}

function eachRefusal(check: (bytes: Buffer, verdict: Verdict, denial: Denial) => void): number {
  const encoder = new AnswerEncoder();
  let count = 0;
  for (const verdict of refusals) {
    for (const denial of denials) {
      for (const canary of ["", "r1"]) {
        check(encoder.refused(verdict, denial, id, canary), verdict, denial);
        count++;
      }
    }
  }
  return count;
}

describe("AnswerEncoder", () => {
  it("writes every refusal with the status of its reason, decision id and reason's words only where asked", () => {
    const count = eachRefusal((bytes, verdict, denial) => {
      const response = CheckResponse.decode(bytes);
      assert.ok(!isAllowed(response), verdict.reason);
      const refusal = refusalOf(response);
      const facts = factsOf(verdict.reason);
      assert.equal(refusal?.status?.code, facts.status);
      const headers = new Map(refusal?.headers.map(({ header }) => [header?.key, header?.value]));
      assert.equal(headers.get("x-picket-decision"), id);
      assert.equal(headers.has("www-authenticate"), facts.status === 401);
      assert.equal(headers.get("retry-after"), verdict.kind === "throttle" ? "17" : undefined);
      const body = refusal?.body ?? "";
      assert.equal(body === "", denial.body === "empty");
      if (body === "") return;
      const problem = JSON.parse(body) as Record<string, unknown>;
      assert.deepEqual([problem.decision, problem.status], [id, facts.status]);
      assert.equal("reason" in problem, denial.showReason);
    });
    assert.ok(count > 100);
  });

  it("uses the field that Envoy counts as an error exactly for what cannot be decided", () => {
    eachRefusal((bytes, verdict) => {
      const response = CheckResponse.decode(bytes);
      assert.equal(response.httpResponse?.$case === "errorResponse", verdict.kind === "error");
      assert.equal(response.httpResponse?.$case === "deniedResponse", verdict.kind !== "error");
    });
  });

  it("has no non-empty prefix of a refusal that decodes as an allow", () => {
    let prefixes = 0;
    eachRefusal((bytes) => {
      for (let length = 1; length < bytes.length; length++) {
        prefixes++;
        let response: CheckResponse;
        try {
          response = CheckResponse.decode(bytes.subarray(0, length));
        } catch {
          continue;
        }
        // A length that leaves the message is an error for Envoy; the generated reader is milder, so look ourselves.
        if (!isWhole(bytes.subarray(0, length))) continue;
        assert.ok(!isAllowed(response), `prefix of ${length} bytes`);
      }
    });
    assert.ok(prefixes > 10_000);
  });

  it("never writes an empty answer or one without a status", () => {
    const encoder = new AnswerEncoder();
    for (const bytes of [
      encoder.allowed(id),
      ...refusals.map((verdict) => encoder.refused(verdict, denials[0]!, id, "")),
    ]) {
      assert.equal(bytes[0], 0x0a);
      assert.ok(bytes.length > 2 && bytes[1]! > 0);
      assert.ok(CheckResponse.decode(bytes).status !== undefined);
    }
  });

  it("cannot be asked to refuse with an allow", () => {
    const encoder = new AnswerEncoder();
    for (const verdict of all.filter(({ kind }) => kind === "allow")) {
      assert.throws(() => encoder.refused(verdict, denials[0]!, id, ""), EncodeError);
    }
    assert.throws(() => encoder.allowed("short"), EncodeError);
  });

  it("lets a request go on with the decision id and nothing else", () => {
    const response = CheckResponse.decode(new AnswerEncoder().allowed(id));
    assert.ok(isAllowed(response));
    assert.ok(response.httpResponse?.$case === "okResponse");
    const ok = response.httpResponse.okResponse;
    assert.deepEqual(
      ok.headers.map(({ header }) => [header?.key, header?.value]),
      [["x-picket-decision", id]],
    );
    // Finding 22 of the Envoy study: these change the forwarded path after it was judged.
    assert.deepEqual([ok.queryParametersToSet, ok.queryParametersToRemove, ok.headersToRemove], [[], [], []]);
    assert.deepEqual(response.dynamicMetadata, { decision: id });
  });

  it("keeps a bounded number of ready answers", () => {
    const encoder = new AnswerEncoder();
    for (let i = 1; i < templatesMax * 3; i++) {
      const response = CheckResponse.decode(encoder.refused(throttle(i), denials[0]!, id, ""));
      assert.equal(response.status?.code, 8);
    }
    assert.ok(encoder.templateCount <= templatesMax);
    assert.equal(id.length, decisionIdLength);
  });
});

/** Whether every length in the top level of a message stays inside it. */
function isWhole(bytes: Buffer): boolean {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length) return Number.NaN;
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    const length = number();
    if (Number.isNaN(tag) || Number.isNaN(length) || at + length > bytes.length) return false;
    at += length;
  }
  return true;
}
