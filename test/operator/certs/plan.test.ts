import assert from "node:assert/strict";
import fc from "fast-check";
import { authorityLifeMs, leafLifeMs, type CertificateFacts } from "../../../operator/certs/authority.ts";
import {
  authoritiesMax,
  planCertificates,
  settleMs,
  skewMs,
  type CertificateState,
  type KnownLeaf,
} from "../../../operator/certs/plan.ts";

const day = 86_400_000;
const t0 = Date.UTC(2026, 0, 1);
const names = ["picket-operator.picket-system.svc"];
const wanted = new Map([["operator", names]]);

const authority = (digest: string, fromMs: number, lifeMs = authorityLifeMs): CertificateFacts => ({
  fromMs,
  untilMs: fromMs + lifeMs,
  names: [],
  isAuthority: true,
  digest,
});
const leaf = (signer: string | undefined, fromMs: number, fields: Partial<KnownLeaf> = {}): KnownLeaf => ({
  fromMs,
  untilMs: fromMs + leafLifeMs,
  names,
  isAuthority: false,
  digest: "leaf",
  signer,
  ...fields,
});
const state = (authorities: readonly CertificateFacts[], held?: KnownLeaf): CertificateState => ({
  authorities,
  leaves: new Map(held === undefined ? [] : [["operator", held]]),
});

describe("planCertificates", () => {
  const late = t0 + (authorityLifeMs * 2) / 3;
  const nothing = { forget: [], createAuthority: false, issue: [] };
  const rows: readonly (readonly [
    what: string,
    state: CertificateState,
    nowMs: number,
    plan: Partial<ReturnType<typeof planCertificates>>,
  ])[] = [
    ["makes an authority where there is none", state([]), t0, { createAuthority: true, issue: [] }],
    ["signs by the first one at once", state([authority("a", t0)]), t0, { signer: "a", issue: ["operator"] }],
    ["leaves what is good alone", state([authority("a", t0)], leaf("a", t0)), t0 + day, { ...nothing, signer: "a" }],
    [
      "renews a certificate after two thirds of its life",
      state([authority("a", t0)], leaf("a", t0)),
      t0 + (leafLifeMs * 2) / 3,
      { signer: "a", issue: ["operator"] },
    ],
    [
      "leaves it alone just before",
      state([authority("a", t0)], leaf("a", t0)),
      t0 + (leafLifeMs * 2) / 3 - 1,
      { ...nothing, signer: "a" },
    ],
    [
      "renews one that has ended while the machine slept",
      state([authority("a", t0)], leaf("a", t0)),
      t0 + leafLifeMs + 20 * day,
      { signer: "a", issue: ["operator"] },
    ],
    [
      "renews one of an authority that nobody knows",
      state([authority("a", t0)], leaf(undefined, t0)),
      t0 + day,
      { signer: "a", issue: ["operator"] },
    ],
    [
      "renews one with other names",
      state([authority("a", t0)], leaf("a", t0, { names: ["other"] })),
      t0 + day,
      { signer: "a", issue: ["operator"] },
    ],
    [
      "makes the next authority after two thirds of the life of the last one, and lets none go",
      state([authority("a", t0)], leaf("a", late - day)),
      late,
      { createAuthority: true, forget: [] },
    ],
    [
      "makes the next one known before it signs",
      state([authority("b", late), authority("a", t0)], leaf("a", late - day)),
      late + settleMs - 1,
      { ...nothing, signer: "a" },
    ],
    [
      "signs by the next one once everybody had time to hear of it",
      state([authority("b", late), authority("a", t0)], leaf("a", late - day)),
      late + settleMs,
      { forget: [], signer: "b", issue: ["operator"] },
    ],
    [
      "goes on believing the last one until it ends",
      state([authority("b", late), authority("a", t0)], leaf("b", t0 + authorityLifeMs - 1)),
      t0 + authorityLifeMs - 1,
      { ...nothing, signer: "b" },
    ],
    [
      "forgets it then",
      state([authority("b", late), authority("a", t0)], leaf("b", t0 + authorityLifeMs)),
      t0 + authorityLifeMs,
      { forget: ["a"], issue: [] },
    ],
    [
      "makes a new authority where all have ended, and forgets them",
      state([authority("a", t0)], leaf("a", t0)),
      t0 + authorityLifeMs + day,
      { createAuthority: true, forget: ["a"] },
    ],
    [
      "signs by the one that everybody knows after two rotations in one second",
      state([authority("c", late + 900), authority("b", late), authority("a", t0)], leaf("a", late - day)),
      late + 1_000,
      { ...nothing, signer: "a" },
    ],
    [
      "signs by the older of two new ones where no other is left",
      state([authority("c", t0 + 900), authority("b", t0)]),
      t0 + 1_000,
      { signer: "b", issue: ["operator"] },
    ],
    [
      "forgets the oldest beyond its bound",
      state(["d", "c", "b", "a"].map((digest, index) => authority(digest, t0 - index * day))),
      t0 + settleMs,
      { forget: ["a"], signer: "d" },
    ],
    [
      "works on while its clock is a little behind that of another replica",
      state([authority("a", t0)], leaf("a", t0)),
      t0 - skewMs,
      { ...nothing, signer: "a" },
    ],
    [
      "makes another authority when the only one is from a time to come, and forgets that one no more",
      state([authority("a", t0)], leaf("a", t0)),
      t0 - day,
      { createAuthority: true, forget: [] },
    ],
    [
      "does not sign by one from a time to come",
      state([authority("b", t0 + day), authority("a", t0)], leaf("a", t0)),
      t0 + settleMs,
      { ...nothing, signer: "a" },
    ],
  ];
  for (const [what, given, nowMs, expected] of rows) {
    it(what, () => {
      const plan = planCertificates(given, nowMs, wanted);
      assert.deepEqual({ ...plan, ...expected }, plan);
    });
  }

  it("has no client meet a certificate that it cannot check, whenever anybody looks", () => {
    // Clients know what was published a while ago; steps are as long as the ticks of a busy or sleeping machine.
    const steps = fc.array(fc.constantFrom(60_000, settleMs / 3, settleMs, day, 7 * day), {
      minLength: 200,
      maxLength: 400,
    });
    fc.assert(
      fc.property(steps, (sizes) => {
        let nowMs = t0;
        let number = 0;
        let current: CertificateState = state([]);
        const published: { readonly atMs: number; readonly digests: readonly string[] }[] = [];
        for (const size of sizes) {
          let plan = planCertificates(current, nowMs, wanted);
          let kept = current.authorities.filter(({ digest }) => !plan.forget.includes(digest));
          if (plan.createAuthority) {
            kept = [authority(`authority ${number++}`, nowMs), ...kept];
            plan = planCertificates({ ...current, authorities: kept }, nowMs, wanted);
          }
          let held = current.leaves.get("operator");
          if (plan.issue.length > 0) held = leaf(plan.signer, nowMs);
          current = state(kept, held);
          published.push({ atMs: nowMs, digests: kept.map(({ digest }) => digest) });

          assert.ok(kept.length <= authoritiesMax + 1);
          assert.ok(held !== undefined && held.untilMs > nowMs);
          const own = kept.find(({ digest }) => digest === held.signer);
          assert.ok(own !== undefined && own.untilMs > nowMs);
          const known = published.findLast(({ atMs }) => atMs <= nowMs - settleMs);
          if (known !== undefined && size < 7 * day) assert.ok(known.digests.includes(held.signer ?? ""));
          nowMs += size;
        }
        assert.ok(number >= 1);
      }),
      { numRuns: 50 },
    );
  });
});
