import assert from "node:assert/strict";
import { proxyAudience } from "../../../operator/inject/names.ts";
import { createXdsMetrics } from "../../../operator/xds/metrics.ts";
import {
  createStreamAuthenticator,
  opensBurst,
  reviewsBurst,
  reviewsWaitingMax,
  scorerAudience,
  tokenCharactersMax,
} from "../../../operator/xds/auth.ts";
import type { Identified, Identify, NodeName } from "../../../operator/xds/stream.ts";
import { Registry } from "../../../platform/metrics.ts";
import { silentLog } from "../../contract/ads-range.ts";

const uid = "6f1f2f0e-9a53-4a49-8f3a-0d3a6c1f1111";
const proxy: NodeName = { id: `bank/accounts-1/${uid}`, cluster: "picket-proxy" };
const scorer: NodeName = { id: "picket-scorer-1", cluster: "picket-scorer" };
const bearer = "Bearer aaa.bbb.ccc";

interface Extra {
  readonly [key: string]: unknown;
}

/** The status of a good TokenReview, with changes. */
function good(audience: string, user: Extra = {}, status: Extra = {}): unknown {
  const isProxy = audience === proxyAudience;
  return {
    authenticated: true,
    audiences: [audience],
    user: {
      username: isProxy ? "system:serviceaccount:bank:default" : "system:serviceaccount:picket-system:picket-scorer",
      uid: "x",
      groups: ["system:serviceaccounts", "system:serviceaccounts:bank", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/credential-id": ["JTI=1"],
        "authentication.kubernetes.io/pod-name": [isProxy ? "accounts-1" : "picket-scorer-1"],
        "authentication.kubernetes.io/pod-uid": [uid],
      },
      ...user,
    },
    ...status,
  };
}

const podName = "authentication.kubernetes.io/pod-name";
const podUid = "authentication.kubernetes.io/pod-uid";
const extras = (changes: Extra): Extra => ({
  extra: { [podName]: ["accounts-1"], [podUid]: [uid], ...changes },
});

describe("createStreamAuthenticator", () => {
  let nowMs: number;
  let review: (token: string, audience: string) => Promise<unknown>;
  let asked: [string, string][];
  let waits: (() => void)[];
  let registry: Registry;
  let pods: Map<string, { uid: string; group: string }>;
  let stop: AbortController;
  let identify: Identify;

  beforeEach(() => {
    nowMs = 0;
    asked = [];
    waits = [];
    registry = new Registry();
    pods = new Map([["bank/accounts-1", { uid, group: "proxy|bank/accounts|1" }]]);
    review = (_token, audience) => Promise.resolve(good(audience));
    stop = new AbortController();
    identify = createStreamAuthenticator({
      review: (token, audience) => {
        asked.push([token, audience]);
        return review(token, audience);
      },
      proxyOf: (key) => pods.get(key),
      scorer: { namespace: "picket-system", serviceAccount: "picket-scorer", group: "scorer" },
      clusters: { proxy: "picket-proxy", scorer: "picket-scorer" },
      metrics: createXdsMetrics(registry),
      clock: { now: () => nowMs, monotonic: () => nowMs },
      log: silentLog,
      timers: {
        after: (_ms, run) => {
          waits.push(run);
          return () => undefined;
        },
      },
      stopping: stop.signal,
    });
  });

  const of = async (node: NodeName, authorization: string | undefined, peer = "10.0.0.1:1"): Promise<Identified> =>
    await identify(node, authorization, peer);

  it("gives a proxy the group of its pod and asks for its own audience", async () => {
    assert.deepEqual(await of(proxy, bearer), { group: "proxy|bank/accounts|1", identity: uid });
    assert.deepEqual(asked, [["aaa.bbb.ccc", proxyAudience]]);
    assert.match(await registry.metrics(), /picket_xds_identities_total\{result="known"\} 1/);
  });

  it("gives a scorer its group, by its short and by its long name", async () => {
    const expected = { group: "scorer", identity: uid };
    assert.deepEqual(await of(scorer, bearer), expected);
    assert.deepEqual(await of({ ...scorer, id: `picket-system/picket-scorer-1/${uid}` }, bearer), expected);
    assert.deepEqual(asked[0], ["aaa.bbb.ccc", scorerAudience]);
  });

  const tokens: Readonly<Record<string, string | undefined>> = {
    none: undefined,
    "an empty one": "",
    "a bare one": "aaa.bbb.ccc",
    "another scheme": "Basic aaa",
    "no letters": "Bearer ",
    "two words": "Bearer aaa bbb",
    "two tokens": "Bearer aaa, Bearer bbb",
    "a line break": "Bearer aaa\nbbb",
    "one that is too long": `Bearer ${"a".repeat(tokenCharactersMax)}`,
  };
  for (const [name, authorization] of Object.entries(tokens)) {
    it(`asks nobody about a token that is none: ${name}`, async () => {
      assert.deepEqual(await of(proxy, authorization), { refusal: "unauthenticated" });
      assert.deepEqual(asked, []);
    });
  }

  it("asks nobody about a client of a kind that there is not", async () => {
    assert.deepEqual(await of({ ...proxy, cluster: "constructor" }, bearer), { refusal: "unauthenticated" });
    assert.deepEqual(asked, []);
  });

  const odd: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    null: null,
    "a text": "authenticated",
    "a list": [],
    "an empty object": {},
    "not authenticated": good(proxyAudience, {}, { authenticated: false }),
    "authenticated as text": good(proxyAudience, {}, { authenticated: "true" }),
    "an error beside it": good(proxyAudience, {}, { error: "token audiences invalid" }),
    "an error that is no text": good(proxyAudience, {}, { error: {} }),
    "no audiences": good(proxyAudience, {}, { audiences: undefined }),
    "the audience of the API server": good(proxyAudience, {}, { audiences: ["https://kubernetes.default.svc"] }),
    "the audience of scorers": good(proxyAudience, {}, { audiences: [scorerAudience] }),
    "audiences that are a text": good(proxyAudience, {}, { audiences: `${proxyAudience} and more` }),
    "no user": good(proxyAudience, {}, { user: undefined }),
    "a user that is a text": good(proxyAudience, {}, { user: "system:serviceaccount:bank:default" }),
    "a person": good(proxyAudience, { username: "alice" }),
    "a name that is no text": good(proxyAudience, { username: ["system:serviceaccount:bank:default"] }),
    "a node": good(proxyAudience, { username: "system:node:one" }),
    "an account without a name": good(proxyAudience, { username: "system:serviceaccount:bank:" }),
    "an account with more": good(proxyAudience, { username: "system:serviceaccount:bank:default:more" }),
    "an account with a slash": good(proxyAudience, { username: "system:serviceaccount:bank/x:default" }),
    "no groups": good(proxyAudience, { groups: undefined }),
    "other groups": good(proxyAudience, { groups: ["system:authenticated"] }),
    "no extra": good(proxyAudience, { extra: undefined }),
    "an extra that is null": good(proxyAudience, { extra: null }),
    "no pod name": good(proxyAudience, extras({ [podName]: undefined })),
    "no pod uid": good(proxyAudience, extras({ [podUid]: undefined })),
    "an empty list of pods": good(proxyAudience, extras({ [podName]: [] })),
    "two pods": good(proxyAudience, extras({ [podName]: ["accounts-1", "accounts-2"] })),
    "a pod that is a text": good(proxyAudience, extras({ [podName]: "accounts-1" })),
    "a pod that is a number": good(proxyAudience, extras({ [podUid]: [1] })),
    "an empty pod": good(proxyAudience, extras({ [podName]: [""] })),
    "a pod with a slash": good(proxyAudience, extras({ [podName]: ["a/b"] })),
    "a pod whose name is too long": good(proxyAudience, extras({ [podName]: ["a".repeat(254)] })),
    "a uid that is too long": good(proxyAudience, extras({ [podUid]: ["a".repeat(65)] })),
    "a token of a node only": good(proxyAudience, { extra: { "authentication.kubernetes.io/node-name": ["n"] } }),
  };
  for (const [name, status] of Object.entries(odd)) {
    it(`refuses an answer of the API server that proves nothing: ${name}`, async () => {
      review = () => Promise.resolve(status);
      assert.deepEqual(await of(proxy, bearer), { refusal: "unauthenticated" });
    });
  }

  const foreign: Readonly<Record<string, string>> = {
    "another pod": `bank/accounts-2/${uid}`,
    "another namespace": `other/accounts-1/${uid}`,
    "another uid": "bank/accounts-1/other",
    "no uid": "bank/accounts-1",
    "more than a name": `bank/accounts-1/${uid}/more`,
    nothing: "",
    "the name of every object": "__proto__",
  };
  for (const [name, id] of Object.entries(foreign)) {
    it(`refuses a proxy that calls itself ${name}`, async () => {
      assert.deepEqual(await of({ ...proxy, id }, bearer), { refusal: "denied" });
    });
  }

  it("asks a proxy to come back whose pod the watch does not know, or knows by another uid", async () => {
    pods.set("bank/accounts-1", { uid: "another", group: "proxy|x" });
    assert.deepEqual(await of(proxy, bearer), { refusal: "unavailable" });
    pods.clear();
    assert.deepEqual(await of(proxy, bearer), { refusal: "unavailable" });
  });

  it("takes no other account for a scorer, and no scorer by the name of another", async () => {
    for (const username of [
      "system:serviceaccount:bank:picket-scorer",
      "system:serviceaccount:picket-system:default",
    ]) {
      review = () => Promise.resolve(good(scorerAudience, { username }));
      assert.deepEqual(await of(scorer, bearer), { refusal: "denied" });
    }
    review = () => Promise.resolve(good(scorerAudience));
    assert.deepEqual(await of({ ...scorer, id: "picket-scorer-2" }, bearer), { refusal: "denied" });
  });

  it("takes no scorer's token for a proxy's, and no proxy's for a scorer's", async () => {
    review = () => Promise.resolve(good(scorerAudience));
    assert.deepEqual(await of(proxy, bearer), { refusal: "unauthenticated" });
    review = () => Promise.resolve(good(proxyAudience));
    assert.deepEqual(await of(scorer, bearer), { refusal: "unauthenticated" });
  });

  it("asks to come back while the API server gives no answer, and keeps no answer for later", async () => {
    review = () => Promise.reject(new Error("connection refused"));
    assert.deepEqual(await of(proxy, bearer), { refusal: "unavailable" });
    review = () => Promise.resolve(good(proxyAudience));
    assert.ok("group" in ((await of(proxy, bearer)) ?? {}));
    review = () => Promise.resolve({ authenticated: false });
    assert.deepEqual(await of(proxy, bearer), { refusal: "unauthenticated" });
    assert.equal(asked.length, 3);
  });

  it("asks once about a token that several streams show at the same time", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    review = () => promise;
    const answers = [of(proxy, bearer), of(proxy, bearer), of(proxy, "Bearer other")];
    resolve(good(proxyAudience));
    assert.equal((await Promise.all(answers)).filter((one) => one && "group" in one).length, 3);
    assert.equal(asked.length, 2);
  });

  it("asks the API server no faster than it may; the rest waits, and no more than so many", async () => {
    review = () => new Promise(() => undefined);
    for (let i = 0; i < reviewsWaitingMax; i++) void of(proxy, `Bearer t${i}`, `10.0.${i >> 8}.${i & 255}:1`);
    await Promise.resolve();
    assert.equal(asked.length, reviewsBurst);
    assert.equal(waits.length, reviewsWaitingMax - reviewsBurst);
    assert.deepEqual(await of(proxy, "Bearer more", "10.1.0.1:1"), { refusal: "exhausted" });
    for (const run of waits) run();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(asked.length, reviewsWaitingMax);
  });

  it("sends an address away that opens too many, whatever its ports, and no other one", async () => {
    for (let i = 0; i < opensBurst; i++) assert.ok("group" in ((await of(proxy, bearer, `10.0.0.1:${i}`)) ?? {}));
    assert.deepEqual(await of(proxy, bearer, "10.0.0.1:999"), { refusal: "exhausted" });
    assert.ok("group" in ((await of(proxy, bearer, "10.0.0.2:1")) ?? {}));
    assert.ok("group" in ((await of(proxy, bearer, "[fd00::1]:1")) ?? {}));
    nowMs += 1_000;
    assert.ok("group" in ((await of(proxy, bearer, "10.0.0.1:1")) ?? {}));
  });
});
