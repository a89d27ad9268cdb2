import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { badKeySets } from "../range/bad-keys.ts";
import { emulators } from "../range/emulators/emulator.ts";
import { startEmulator, type Received } from "../range/emulators/server.ts";
import { differences } from "../range/judged.ts";
import { fireAll, inParallel, leaksOf, transmit } from "../range/shooting.ts";
import { firingsOf, identityFile, policyFile, startRange, workloadFile, type Range } from "../range/range.ts";
import { sendHttp1 } from "../range/send/http1.ts";
import { freePorts, startStack } from "../range/stack.ts";
import { createMint } from "../range/tokens.ts";
import { vectorsA } from "../range/vectors/a.ts";
import { vectorsB } from "../range/vectors/b.ts";
import { vectorsC } from "../range/vectors/c.ts";
import { vectorsH } from "../range/vectors/h.ts";
import { sample, traversals } from "../range/vectors/traversals.ts";
import { http1, requestText, type Vector } from "../range/vectors/vector.ts";

const groups: readonly { readonly name: string; readonly vectors: readonly Vector[]; readonly last: number }[] = [
  { name: "A: path", vectors: vectorsA, last: 36 },
  { name: "B: method, host, headers", vectors: vectorsB, last: 37 },
  { name: "C: tokens", vectors: vectorsC, last: 34 },
  { name: "H: forwarded identity", vectors: vectorsH, last: 14 },
];

describe("the range: hostile requests against ten careless applications behind picket run", function () {
  this.timeout(120_000);
  let range: Range;
  before(async () => {
    range = await startRange();
  });
  // Undefined when the start failed: then it has stopped what it started.
  after(() => (range as Range | undefined)?.stop());

  for (const { name, vectors, last } of groups) {
    describe(name, () => {
      let earlier: ReadonlySet<Received>;
      before(() => {
        earlier = new Set(range.received());
      });

      for (const vector of vectors.filter(({ rows }) => rows.length > 0)) {
        it(`${vector.id} ${vector.name} (${vector.rows.length} rows)`, async () => {
          const everywhere = [...range.guarded, ...range.unguarded];
          const marks = everywhere.map(({ application }) => application.received.length);
          const firings = firingsOf(range, vector);
          const wrong = await fireAll(firings, range.mint);
          const reached = everywhere.flatMap(({ application }, index) => application.received.slice(marks[index]));
          const forged = [...new Set(vector.rows.flatMap((row) => row.forged ?? []))];
          const leaks = leaksOf(reached, forged).map((text) => {
            const index = Number(/\/([0-9]+):/.exec(text)?.[1]);
            return `leak: ${firings[index]?.row.what ?? "no row"}: ${text}`;
          });
          assert.deepEqual([...leaks, ...wrong], [], "no application is reached by who may not, every answer is safe");
        });
      }

      it("has every number of the catalogue, and says of each that waits why", () => {
        const ids = new Set(vectors.map(({ id }) => Number(id.slice(1))));
        for (let number = 1; number <= last; number++) assert.ok(ids.has(number), `${name} ${number}`);
        for (const { id, rows, laterIssue } of vectors) assert.ok(rows.length > 0 || laterIssue, id);
        const waiting = vectors.filter(({ laterIssue }) => laterIssue !== undefined);
        for (const { id, laterIssue } of waiting) process.stdout.write(`        ${id} waits: ${laterIssue}\n`);
        process.stdout.write(
          `        ${vectors.reduce((sum, { rows }) => sum + rows.length, 0)} rows, ${waiting.length} lines wait\n`,
        );
      });

      it("left every program running and ready, and nothing unexplained at any application", async () => {
        assert.deepEqual(range.stack.missing(), []);
        assert.ok(await range.stack.isReady());
        // Once more, for what arrived after its row had its answer.
        assert.deepEqual(leaksOf(range.received().filter((one) => !earlier.has(one))), []);
      });

      it("let through what was judged, word for word, and nothing else", async () => {
        const received = range.received().filter((one) => !earlier.has(one));
        assert.notEqual(received.length, 0);
        assert.deepEqual(await differences(received, range.stack.stateFolder), []);
      });
    });
  }

  // A group of its own: mocha runs the tests of a suite before those of the groups in it, and this one ends the keys.
  describe("in quantity, and over time", () => {
    it("A32 refuses two thousand spellings of a traversal, or judges them as each application reads them", async () => {
      const spots = sample(traversals(), 2_000);
      const first = range.guarded[0];
      assert.ok(first !== undefined);
      const before = first.application.received.length;
      const endings = await inParallel(spots, async (target, index) => {
        const shot = { caseId: `alice/A32/${index}`, mint: range.mint, nowSeconds: 0 };
        const { statuses, end } = await transmit(http1({ target, as: "alice" }), first.port, shot);
        return { target, ending: statuses[0] ?? end };
      });
      assert.deepEqual(leaksOf(first.application.received.slice(before)), []);
      const odd = endings.filter(({ ending }) => ![200, 400, 403].includes(Number(ending)));
      assert.deepEqual(odd, []);
      assert.ok(endings.filter(({ ending }) => ending !== 200).length > spots.length / 2);
      assert.deepEqual(range.stack.missing(), []);
    });

    it("C27 takes both keys while they overlap, and the old one no longer when it is gone", async () => {
      const { mint, stack, guarded } = range;
      const identity = await policyFile("identity.yaml");
      const claims = JSON.stringify(mint.claims("root"));
      const old = mint.honest("root");
      const next = mint.compact({
        header: '{"alg":"ES256","kid":"es-2"}',
        payload: claims,
        algorithm: "ES256",
        key: "nextES256",
      });
      const ask = async (token: string, actor: string): Promise<number> => {
        const shot = { caseId: `${actor}/C27/0`, mint, nowSeconds: 0 };
        const text = requestText(shot, { target: "/admin/secret", headers: [`Authorization: Bearer ${token}`] });
        return (await sendHttp1(guarded[0]?.port ?? 0, Buffer.from(text))).statuses[0] ?? 0;
      };
      const becomes = async (token: string, status: number): Promise<void> => {
        const deadline = performance.now() + 15_000;
        while ((await ask(token, "root")) !== status && performance.now() < deadline) await sleep(50);
        assert.equal(await ask(token, "root"), status);
      };
      assert.deepEqual([await ask(old, "root"), await ask(next, "anon")], [200, 401]);
      await stack.rewrite("identity.yaml", identityFile(identity, mint.rotation.overlap));
      await becomes(next, 200);
      await becomes(old, 200);
      await stack.rewrite("identity.yaml", identityFile(identity, mint.rotation.done));
      await becomes(old, 401);
      assert.deepEqual([await ask(old, "anon"), await ask(next, "root")], [401, 200]);
    });

    it("every request that ever reached an application was judged as it was received, and carries its decision", async () => {
      assert.deepEqual(await differences(range.received(), range.stack.stateFolder), []);
    });
  });
});

describe("key sets that no identity may have (C03, C06, C25)", function () {
  this.timeout(120_000);

  it("open nothing, whoever signs with them, and leave the workload with good keys alone", async () => {
    const [orders, identity, workload] = await Promise.all(
      ["orders.yaml", "identity.yaml", "workload.yaml"].map(policyFile),
    );
    const [emulator] = emulators;
    assert.ok(orders && identity && workload && emulator);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const mint = createMint(nowSeconds);
    const sets = [{ name: "good", jwks: mint.jwks, token: () => mint.honest("root") }, ...badKeySets];
    const application = await startEmulator(emulator);
    const ports = await freePorts(sets.length);
    const files: Record<string, string> = {};
    for (const [index, { name, jwks }] of sets.entries()) {
      const named = (text: string): string => text.replaceAll("name: shop,", `name: ${name},`);
      const place = { id: name, app: name, listen: ports[index] ?? 0, upstream: application.port };
      files[`${name}.yaml`] = [
        identityFile(named(identity), jwks),
        orders
          .replace("name: orders,", `name: ${name},`)
          .replace("app: orders", `app: ${name}`)
          .replace("name: shop }", `name: ${name} }`),
        workloadFile(workload, place),
      ].join("---\n");
    }
    const stack = await startStack(files);
    try {
      const ask = async (index: number): Promise<string> => {
        const token = sets[index]?.token(nowSeconds) ?? "";
        const shot = { caseId: `anon/C25/${index}`, mint, nowSeconds };
        const text = requestText(shot, { target: "/admin/secret", headers: [`Authorization: Bearer ${token}`] });
        const { statuses, end } = await sendHttp1(ports[index] ?? 0, Buffer.from(text, "latin1"));
        return String(statuses[0] ?? end);
      };
      const deadline = performance.now() + 60_000;
      while ((await ask(0)) !== "200" && performance.now() < deadline) await sleep(100);
      assert.equal(await ask(0), "200", stack.output().slice(-20).join("\n"));
      const served = application.received.length;
      const answers = await Promise.all(badKeySets.map((_, index) => ask(index + 1)));
      const named = answers.map((answer, index) => `${badKeySets[index]?.name}: ${answer}`);
      assert.deepEqual(
        named.filter((line) => !/: (?:401|403|503|closed)$/.test(line)),
        [],
      );
      assert.equal(application.received.length, served, named.join("\n"));
      assert.equal(await ask(0), "200");
    } finally {
      await stack.stop();
      await application.stop();
    }
  });
});
