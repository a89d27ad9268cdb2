import assert from "node:assert/strict";
import type { Destinations } from "../../../operator/keys/destination.ts";
import { createFetchKeySet, fetchFailures, type Fetched } from "../../../operator/keys/fetch-key-set.ts";
import {
  createKeyFetcher,
  fetchesMax,
  floorMs,
  refreshJitter,
  refreshMs,
  retryMsMax,
  retryMsMin,
  urisMax,
  type FollowedIssuer,
  type KeyFetcher,
} from "../../../operator/keys/key-fetcher.ts";
import { parseKeys, printKeys } from "../../../operator/keys/key-memory.ts";
import { createKeyMetrics, issuersCountedMax } from "../../../operator/keys/metrics.ts";
import { Registry } from "../../../platform/metrics.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { IssuerServer, keySetOf } from "./issuer-server.ts";

const everywhere: Destinations = {
  hosts: { allowedHosts: undefined, allowPrivateAddresses: true },
  mayBeLoopback: true,
  never: [],
};
const uri = "https://id.example/jwks";
const followed = (one = uri, more: Partial<FollowedIssuer> = {}): FollowedIssuer => ({
  uri: one,
  identity: "bank/bank",
  algorithms: ["ES256"],
  ...more,
});
const good = (text: string): Fetched => ({ kind: "fetched", text });
const bad: Fetched = { kind: "failed", failure: "status", detail: "status 500" };

describe("createKeyFetcher", () => {
  let nowMs: number;
  let answers: (uri: string) => Fetched | Promise<Fetched>;
  let asked: string[];
  let changes: number;
  let saved: string;
  let saves = 0;
  let registry: Registry;
  let fetcher: KeyFetcher;
  let timer: { at: number; run: () => void } | undefined;

  const create = (remembered?: string): KeyFetcher =>
    (fetcher = createKeyFetcher({
      fetch: (one) => {
        asked.push(one);
        return Promise.resolve(answers(one));
      },
      clock: { now: () => 1_000_000 + nowMs, monotonic: () => nowMs },
      log: silentLog,
      metrics: createKeyMetrics((registry = new Registry())),
      random: () => 0.5,
      timers: {
        after: (ms, run) => {
          const own = { at: nowMs + ms, run };
          timer = own;
          return () => {
            if (timer === own) timer = undefined;
          };
        },
      },
      changed: () => changes++,
      remembered,
      save: (text) => {
        saved = text;
        saves++;
      },
    }));

  beforeEach(() => {
    nowMs = 0;
    asked = [];
    changes = 0;
    saved = "";
    timer = undefined;
    answers = () => good(keySetOf("one"));
  });
  afterEach(() => fetcher.stop());

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Lets time pass up to a moment, with everything that is due on the way. */
  const passTo = async (ms: number): Promise<void> => {
    for (;;) {
      const next = timer;
      if (next === undefined || next.at > ms) break;
      nowMs = next.at;
      next.run();
      await settle();
    }
    nowMs = ms;
  };

  it("fetches at once what is followed, and again after its time", async () => {
    const text = keySetOf("one");
    answers = () => good(text);
    create().follow([followed()], everywhere);
    assert.equal(fetcher.isSettled, false);
    await settle();
    assert.deepEqual([...fetcher.keys()], [[uri, { jwks: text, fetchedMs: 1_000_000 }]]);
    assert.deepEqual([fetcher.isSettled, changes], [true, 1]);
    await passTo(refreshMs - 1);
    assert.equal(asked.length, 1);
    await passTo(refreshMs);
    assert.equal(asked.length, 2);
    assert.equal(changes, 1, "the same keys are no news");
    assert.equal(fetcher.keys().get(uri)?.fetchedMs, 1_000_000 + refreshMs);
  });

  it("tells of other keys", async () => {
    create().follow([followed()], everywhere);
    await settle();
    const rotated = keySetOf("two");
    answers = () => good(rotated);
    await passTo(refreshMs);
    assert.deepEqual([changes, fetcher.keys().get(uri)?.jwks], [2, rotated]);
  });

  it("keeps the last keys while their issuer fails, asks less and less often, and says when it is back", async () => {
    const text = keySetOf("one");
    answers = () => good(text);
    create().follow([followed()], everywhere);
    await settle();
    answers = () => bad;
    await passTo(refreshMs);
    assert.equal(changes, 2);
    assert.match(fetcher.faults().get(uri)?.sentence ?? "", /error/);
    const first = asked.length;
    await passTo(refreshMs + 60 * 60_000);
    const tries = asked.length - first;
    assert.ok(tries >= 3_600_000 / retryMsMax && tries < 30, `${tries} tries in an hour`);
    assert.equal(fetcher.keys().get(uri)?.fetchedMs, 1_000_000);
    assert.equal(changes, 2, "still failing is no news");
    answers = () => good(text);
    await passTo(nowMs + retryMsMax);
    assert.deepEqual([changes, fetcher.faults().size], [3, 0]);
  });

  it("asks again soon after a first failure", async () => {
    answers = () => bad;
    create().follow([followed()], everywhere);
    await settle();
    assert.deepEqual([fetcher.isSettled, fetcher.keys().size, changes], [true, 0, 1]);
    answers = () => good(keySetOf("one"));
    await passTo(retryMsMin);
    assert.equal(fetcher.keys().size, 1);
  });

  it("takes no answer that has no key for the issuer's algorithms", async () => {
    const texts = [
      "<html>",
      "{}",
      '{"keys":[]}',
      '{"keys":[{"kty":"oct","k":"AAAA"}]}',
      `{"keys":[${'{"kty":"XYZ"},'.repeat(10_000)}1]}`,
    ];
    create().follow([followed()], everywhere);
    await settle();
    const before = fetcher.keys().get(uri);
    for (const text of texts) {
      answers = () => good(text);
      await passTo(nowMs + refreshMs + retryMsMax);
      assert.equal(fetcher.faults().get(uri)?.failure, "no-keys", text.slice(0, 40));
    }
    assert.deepEqual(fetcher.keys().get(uri), before);
    fetcher.follow([followed("https://rsa.example/", { algorithms: ["RS256"] })], everywhere);
    answers = () => good(keySetOf("ec"));
    await settle();
    assert.equal(fetcher.keys().size, 0);
  });

  it("asks one address once at a time, however often it is followed and by however many identities", async () => {
    const { promise, resolve } = Promise.withResolvers<Fetched>();
    answers = () => promise;
    create();
    for (let i = 0; i < 50; i++) fetcher.follow([followed(), followed(uri, { identity: `bank/${i}` })], everywhere);
    assert.equal(asked.length, 1);
    resolve(good(keySetOf("one")));
    await settle();
    for (let i = 0; i < 50; i++) fetcher.follow([followed()], everywhere);
    await settle();
    assert.equal(asked.length, 1);
  });

  it("asks no faster than its floor, whatever comes, goes and changes", async () => {
    create().follow([followed()], everywhere);
    await settle();
    for (let i = 0; i < 20; i++) {
      await passTo(nowMs + 1_000);
      fetcher.follow([], everywhere);
      assert.equal(fetcher.keys().size, 0, "what nobody names is not given");
      fetcher.follow([followed(uri, { algorithms: i % 2 === 0 ? ["ES256", "RS256"] : ["ES256"] })], {
        ...everywhere,
        never: [`10.0.0.${i}`],
      });
      await settle();
    }
    assert.equal(asked.length, 1);
    await passTo(floorMs);
    assert.equal(asked.length, 2, "other settings and other algorithms ask anew, once the floor lets them");
  });

  it("forgets what nobody names any more", async () => {
    create().follow([followed()], everywhere);
    await settle();
    fetcher.follow([], everywhere);
    await passTo(nowMs + floorMs);
    fetcher.follow([], everywhere);
    fetcher.follow([followed()], everywhere);
    await settle();
    assert.equal(asked.length, 2);
  });

  it("asks more often where a policy believes keys for a short time only", async () => {
    create().follow([followed(uri, { maxStaleMs: 180_000 })], everywhere);
    await settle();
    await passTo(60_000);
    assert.equal(asked.length, 2);
  });

  it("spreads its refreshes", () => {
    assert.ok(refreshJitter > 0 && refreshJitter < 0.5);
  });

  it("runs so many fetches at a time and follows so many addresses; those that are followed keep their place", async () => {
    const waiting: ((fetched: Fetched) => void)[] = [];
    answers = () => new Promise((resolve) => waiting.push(resolve));
    const many = (start: number, count: number): FollowedIssuer[] =>
      Array.from({ length: count }, (_, i) => followed(`https://h${start + i}.example/`));
    create().follow(many(1_000, urisMax), everywhere);
    assert.equal(asked.length, fetchesMax);
    for (let i = 0; i < waiting.length; i++) {
      waiting[i]!(good(keySetOf("one")));
      await settle();
    }
    assert.equal(asked.length, urisMax);
    assert.equal(fetcher.keys().size, urisMax);
    fetcher.follow([...many(0, 50), ...many(1_000, urisMax)], everywhere);
    await settle();
    assert.equal(asked.length, urisMax);
    assert.deepEqual([...new Set([...fetcher.faults().values()].map(({ failure }) => failure))], ["too-many"]);
    assert.equal(fetcher.faults().size, 50);
  });

  it("knows after a restart what it knew before, and still asks at once", async () => {
    const text = keySetOf("one");
    const remembered = printKeys(new Map([[uri, { jwks: text, fetchedMs: 5 }]]));
    answers = () => bad;
    create(remembered).follow([followed()], everywhere);
    assert.deepEqual([fetcher.isSettled, fetcher.keys().get(uri)?.fetchedMs], [true, 5]);
    await settle();
    assert.deepEqual([asked.length, fetcher.keys().get(uri)?.jwks], [1, text]);
    answers = () => good(text);
    await passTo(retryMsMin);
    assert.deepEqual([...parseKeys(saved)], [[uri, { jwks: text, fetchedMs: 1_000_000 + 0.75 * retryMsMin }]]);
  });

  it("is written down when keys change, and else no more often than they are fetched", async () => {
    const uris = Array.from({ length: 20 }, (_, i) => followed(`https://h${i}.example/`));
    const text = keySetOf("one");
    answers = () => good(text);
    create().follow(uris, everywhere);
    for (let i = 0; i < 5; i++) await settle();
    saves = 0;
    await passTo(6 * refreshMs);
    assert.ok(asked.length > 100);
    assert.ok(saves <= 6, `${saves} writes`);
  });

  it("survives a fetch that is at fault", async () => {
    answers = () => Promise.reject(new Error("fault"));
    create().follow([followed()], everywhere);
    await settle();
    assert.equal(fetcher.faults().get(uri)?.failure, "unreachable");
  });

  it("measures ages by identity, and counts by a bounded number of them and by words of a closed list", async () => {
    create();
    const many = Array.from({ length: 30 }, (_, i) =>
      followed(`https://h${i}.example/`, { identity: `bank/i${i % 20}` }),
    );
    answers = (one) => (one.includes("h1") ? bad : good(keySetOf("one")));
    fetcher.follow(many, everywhere);
    await settle();
    await settle();
    await settle();
    await settle();
    nowMs += 7_000;
    fetcher.measure();
    const text = await registry.metrics();
    assert.match(text, /picket_jwks_age_seconds\{provider="bank\/i0"\} 7/);
    const issuers = new Set([...text.matchAll(/refreshes_total\{issuer="([^"]+)"/g)].map(([, name]) => name));
    assert.equal(issuers.size, issuersCountedMax + 1);
    for (const [, result = ""] of text.matchAll(/result="([^"]+)"/g)) {
      assert.ok(["changed", "same", ...fetchFailures].includes(result), result);
    }
    fetcher.follow([], everywhere);
    fetcher.measure();
    assert.ok(!(await registry.metrics()).includes("picket_jwks_age_seconds{"));
  });

  it("follows a real issuer over its rotation and its failures", async () => {
    const issuer = await IssuerServer.start();
    const one = keySetOf("one");
    issuer.serve(one);
    const real = createFetchKeySet({
      resolve: () => Promise.resolve(["127.0.0.1"]),
      authorities: [issuer.authority],
    });
    const never = new AbortController().signal;
    answers = (place) => real(place, everywhere, never);
    create().follow([followed(issuer.uri())], everywhere);
    const keys = (): string | undefined => fetcher.keys().get(issuer.uri())?.jwks;
    await until(() => keys() === one);
    issuer.serve("oops", 500);
    const due = async (): Promise<void> => {
      await until(() => timer !== undefined);
      nowMs = timer!.at;
      timer!.run();
    };
    await due();
    await until(() => fetcher.faults().size === 1);
    assert.equal(keys(), one);
    const both = keySetOf("one", "two");
    issuer.serve(both);
    await due();
    await until(() => keys() === both);
    assert.equal(fetcher.faults().size, 0);
    await issuer.stop();
  });
});

describe("fetched keys as text", () => {
  it("are read as they were written, and anything else is none", () => {
    const keys = new Map([["https://a.example/", { jwks: '{"keys":[]}', fetchedMs: 7 }]]);
    assert.deepEqual(parseKeys(printKeys(keys)), keys);
    const texts = ["", "null", "[]", "{}", '{"version":2,"keys":[]}', '{"version":1,"keys":{}}'];
    for (const text of texts) assert.equal(parseKeys(text).size, 0, text);
    const odd = [
      null,
      7,
      {},
      { uri: "a" },
      { uri: "a", jwks: 1, fetchedMs: 1 },
      { uri: "a", jwks: "b", fetchedMs: "1" },
    ];
    assert.equal(parseKeys(JSON.stringify({ version: 1, keys: odd })).size, 0);
  });
});

async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!done()) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
