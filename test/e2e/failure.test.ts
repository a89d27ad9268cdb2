import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { emptyAnswer, garbages } from "./failure/garbage.ts";
import { startLoad, type Load } from "./failure/load.ts";
import { identityYaml, workloadYaml } from "./failure/objects.ts";
import { Pieces } from "./failure/pieces.ts";
import { createSigner, type Signer } from "./failure/signer.ts";

/** Milliseconds of load while something is broken. */
const brokenMs = 1_500;

const honest = "/public/x";
const hostile = "/private/x";

function policies(changes: { mode?: string; decision?: string } = {}): string {
  return `${workloadYaml("app")}---
apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: app, namespace: demo }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: app }]
  mode: ${changes.mode ?? "Enforce"}
  identityRefs: [{ name: id }]
  access:
    default: Deny
    rules:
    - { name: open, match: [{ methods: [GET], path: "/public/**" }], effect: Allow }
    - name: members
      match: [{ methods: [GET], path: "/members/{id}" }]
      effect: Allow
      require: { owner: { path: id, claim: sub } }
  failure: { decision: ${changes.decision ?? "Deny"}, timeout: 200ms }
`;
}

/** What must hold whatever is broken: nothing hostile reached the application, and the load looked at something. */
function assertClosed(pieces: Pieces, load: Load): void {
  assert.deepEqual(
    pieces.seen.filter(({ url }) => url.startsWith("/private")),
    [],
    "a denied request reached the application",
  );
  const refused = [...load.hostile.statuses].reduce((sum, [, count]) => sum + count, 0);
  assert.ok(refused > 20, `only ${refused} hostile requests were answered`);
  for (const status of load.hostile.statuses.keys()) assert.ok([403, 503].includes(status), `hostile got ${status}`);
}

function assertRefusedMeanwhile(load: Load): void {
  assert.ok((load.honest.statuses.get(503) ?? 0) > 0, "the fault was never felt, so nothing was shown");
}

describe("when the scorer fails under load", () => {
  const pieces = new Pieces();
  let signer: Signer;

  before(async () => {
    signer = await createSigner();
    await pieces.start({ "policy.yaml": policies(), "identity.yaml": identityYaml(signer.jwks) });
    await pieces.untilStatus(200, honest);
  });
  after(() => pieces.stop());

  async function underLoad(fault: () => Promise<void>, repair: () => Promise<void>): Promise<Load> {
    pieces.seen.length = 0;
    const load = startLoad(pieces.port, { honest, hostile });
    try {
      await sleep(300);
      await fault();
      await sleep(brokenMs);
      await repair();
      await pieces.untilStatus(200, honest);
    } finally {
      await load.stop();
    }
    assertClosed(pieces, load);
    return load;
  }

  async function kill(): Promise<void> {
    pieces.scorer!.kill("SIGKILL");
    await once(pieces.scorer!, "exit");
  }

  it("killed: refuses with 503 and recovers", async () => {
    assertRefusedMeanwhile(await underLoad(kill, async () => pieces.startScorer()));
  });

  it("stopped: refuses with 503 after the policy's timeout and recovers", async () => {
    assertRefusedMeanwhile(
      await underLoad(
        async () => void pieces.scorer!.kill("SIGSTOP"),
        async () => void pieces.scorer!.kill("SIGCONT"),
      ),
    );
  });

  it("socket missing: refuses with 503 and recovers", async () => {
    const load = await underLoad(
      async () => {
        await kill();
        rmSync(pieces.scorerSocket, { force: true });
      },
      async () => pieces.startScorer(),
    );
    assertRefusedMeanwhile(load);
  });

  for (const garbage of garbages()) {
    it(`answering ${garbage.name}: lets nothing hostile through`, async () => {
      const load = await underLoad(
        async () => {
          await kill();
          rmSync(pieces.scorerSocket, { force: true });
          await garbage.start(pieces.scorerSocket);
        },
        async () => {
          await garbage.stop();
          pieces.startScorer();
        },
      );
      const refusals = [...load.honest.statuses].filter(([status]) => status !== 200);
      assert.ok(refusals.length > 0, "the nonsense was never felt");
    });
  }

  it("would see a leak: Envoy takes an empty answer for an allow, which no scorer of ours can give", async () => {
    const empty = emptyAnswer();
    await kill();
    rmSync(pieces.scorerSocket, { force: true });
    await empty.start(pieces.scorerSocket);
    pieces.seen.length = 0;
    await pieces.untilStatus(200, hostile);
    assert.ok(pieces.seen.some(({ url }) => url === hostile));
    await empty.stop();
    pieces.startScorer();
    await pieces.untilStatus(403, hostile);
  });

  it("keys emptied: the last good keys stay, and forged tokens stay out", async () => {
    const member = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
    const good = await signer.token({ sub: "alice" });
    const forged = await (await createSigner()).token({ sub: "alice" });
    await pieces.untilStatus(200, "/members/alice", member(good));
    pieces.write("identity.yaml", identityYaml('{"keys":[]}'));
    await pieces.until("the bad identity is reported", async () =>
      JSON.stringify(await pieces.status()).includes("keys"),
    );
    pieces.seen.length = 0;
    assert.equal((await pieces.ask("/members/alice", member(good))).status, 200);
    assert.equal((await pieces.ask("/members/alice", member(forged))).status, 401);
    assert.equal((await pieces.ask("/members/bob", member(good))).status, 403);
    assert.equal(pieces.seen.length, 1);
  });

  it("keys gone: no token of that issuer is taken", async () => {
    const good = await signer.token({ sub: "alice" });
    pieces.remove("identity.yaml");
    await pieces.untilStatus(401, "/members/alice", { authorization: `Bearer ${good}` });
    pieces.write("identity.yaml", identityYaml(signer.jwks));
    await pieces.untilStatus(200, "/members/alice", { authorization: `Bearer ${good}` });
  });
});

interface OpenCase {
  readonly name: string;
  readonly mode: string;
  readonly decision: string;
}

const openCases: readonly OpenCase[] = [
  { name: "failure.decision Allow", mode: "Enforce", decision: "Allow" },
  { name: "mode Shadow", mode: "Shadow", decision: "Deny" },
  { name: "mode Observe", mode: "Observe", decision: "Deny" },
];

describe("where the policy says so", () => {
  for (const { name, mode, decision } of openCases) {
    it(`${name}: requests pass while the scorer is away`, async () => {
      const pieces = new Pieces();
      try {
        const signer = await createSigner();
        await pieces.start({ "policy.yaml": policies({ mode, decision }), "identity.yaml": identityYaml(signer.jwks) });
        await pieces.untilStatus(200, honest);
        if (mode === "Enforce") await pieces.untilStatus(403, hostile);
        else assert.equal((await pieces.ask(hostile)).status, 200);
        pieces.scorer!.kill("SIGKILL");
        await once(pieces.scorer!, "exit");
        assert.equal((await pieces.ask(honest)).status, 200);
      } finally {
        await pieces.stop();
      }
    });
  }

  it("a proxy that starts before its scorer answers 503, not the application", async () => {
    const pieces = new Pieces();
    try {
      const signer = await createSigner();
      const files = { "policy.yaml": policies(), "identity.yaml": identityYaml(signer.jwks) };
      await pieces.start(files, { withScorer: false });
      await pieces.untilStatus(503, honest);
      assert.equal(pieces.seen.length, 0);
      pieces.startScorer();
      await pieces.untilStatus(200, honest);
    } finally {
      await pieces.stop();
    }
  });
});
