import assert from "node:assert/strict";
import { openApplicationLog, type ApplicationLog } from "../../cli/demo/application-log.ts";
import { judgeAttack, runAttack, type AttackResult, type Scene, type SentAttack } from "../../cli/demo/attack.ts";
import { attacks } from "../../cli/demo/attacks.ts";
import { startBank } from "../../cli/demo/bank.ts";
import type { Child } from "../../cli/demo/child.ts";
import { serviceNames, type Target } from "../../cli/demo/exchange.ts";
import { createHonestClient } from "../../cli/demo/honest-client.ts";
import { planHour } from "../../cli/demo/hour.ts";
import { createHonestRecord, logIn, playLife, type HonestRecord } from "../../cli/demo/normal-life.ts";
import { readPeople } from "../../cli/demo/people.ts";
import { createStage } from "../../cli/demo/stage.ts";
import { createIssuerKey } from "../../cli/demo/tokens.ts";

describe("the sample bank without Picket", () => {
  const key = createIssuerKey();
  const people = readPeople();
  const client = createHonestClient();
  const children: Child[] = [];
  const signal = new AbortController().signal;
  let stage: ReturnType<typeof createStage>;
  let ports: Target;
  let log: ApplicationLog;
  let record: HonestRecord;
  let scene: Scene;

  before(async () => {
    stage = createStage(key);
    ({ ports } = await startBank(stage, (child) => children.push(child)));
    log = openApplicationLog(serviceNames.map(stage.logOf));
    record = createHonestRecord(client, ports);
    scene = {
      people,
      key,
      attacker: people.named("mallory"),
      attackerToken: await logIn(record, people, people.named("mallory"), false),
      victim: people.named("alice"),
      tellerToken: await logIn(record, people, people.named("tina"), true),
      weakAdminToken: await logIn(record, people, people.named("sam"), false),
      nowSeconds: 1_767_600_000,
    };
  });

  after(async () => {
    client.close();
    log.close();
    await Promise.all(children.map((child) => child.stop(2_000)));
    stage.remove();
  });

  it("serves customers, staff and probes in their normal life", async () => {
    const visits = planHour(people, 7, 5);
    const steps = visits.reduce((sum, visit) => sum + visit.steps.length, 0);
    const before = record.sent;
    await playLife({ visits, speed: 600, record, people, signal, onStep: () => undefined });
    log.refresh();
    assert.equal(record.sent - before, steps);
    assert.ok(steps > 500, `${steps} steps`);
    assert.deepEqual(record.refused(log), []);
    assert.deepEqual(log.unexplained, []);
  });

  it("refuses a wrong password, and raises the level only for a second factor", async () => {
    const sam = people.named("sam");
    const source = people.addressOf(sam);
    const exchange = { service: "login", method: "POST", path: "/login", source } as const;
    const wrong = await client.send(ports, { ...exchange, body: { user: "sam", password: "wrong" } }, "wrong");
    assert.equal(wrong.status, 401);
    const claims = (token: string): unknown =>
      JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    assert.equal((claims(await logIn(record, people, sam, false)) as { acr: string }).acr, "1");
    assert.equal((claims(await logIn(record, people, sam, true)) as { acr: string }).acr, "2");
  });

  // What the demo proves is worth as much as this: without Picket, each of its attacks does harm.
  for (const attack of attacks) {
    it(`is open to: ${attack.title}`, async () => {
      const result = await attackDirectly(attack.name);
      const expected = attack.allowance === undefined ? result.tried : result.tried - attack.allowance;
      assert.ok(result.tried >= 20, `${result.tried} tried`);
      assert.equal(result.refused, 0);
      assert.equal(result.reached, expected, JSON.stringify(result.leaks));
    });
  }

  for (const name of ["other-accounts", "admin-without-role", "forged-tokens", "path-spellings"]) {
    it(`hands out what it should not: ${name}`, async () => {
      const { attempts } = await sendDirectly(name);
      const failed = attempts.filter(({ outcome }) => outcome.status !== 200 && outcome.status !== 201);
      assert.deepEqual(
        failed.map(({ attempt, outcome }) => `${attempt.what}: ${outcome.status}`),
        [],
      );
    });
  }

  it("does what a spoofed header says", async () => {
    const { attempts } = await sendDirectly("spoofed-headers");
    const served = attempts.slice(-7).map(({ id }) => log.entriesOf(id).at(-1));
    assert.deepEqual(
      served.map((entry) => [entry?.served, entry?.user]),
      [
        ["GET /v1/accounts/100001/balance", "u-100059"],
        ["GET /v1/accounts/100001/balance", "u-100059"],
        ["GET /debug/env", "u-100059"],
        ["DELETE /v1/accounts/100059", "u-100059"],
        ["DELETE /v1/accounts/100059", "u-100059"],
        ["GET /v1/accounts/100059", "u-100001"],
        ["GET /v1/accounts/100059", "s-1"],
      ],
    );
  });

  it("gives the account away to the password list", async () => {
    const sent = await sendDirectly("password-list");
    const hits = sent.attempts.filter(({ outcome }) => outcome.status === 200);
    assert.equal(hits.length, 1);
    // Beyond what the limit lets through, so that the limit is what saves the account.
    assert.ok(sent.attempts.findIndex(({ outcome }) => outcome.status === 200) >= (sent.attack.allowance ?? 0));
  });

  async function attackDirectly(name: string): Promise<AttackResult> {
    return judgeAttack(await sendDirectly(name), log);
  }

  async function sendDirectly(name: string): Promise<SentAttack> {
    const attack = attacks.find((candidate) => candidate.name === name);
    assert.ok(attack);
    const sent = await runAttack({ attack, scene, target: ports, signal, onAttempt: () => undefined });
    log.refresh();
    return sent;
  }
});
