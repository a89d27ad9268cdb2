import assert from "node:assert/strict";
import { normalisePath } from "../../core/request/normalise.ts";
import { createPathView, parsePath } from "../../core/request/path.ts";
import { emulators, readAs, type Emulator } from "./emulators/emulator.ts";
import { takeRequest } from "./emulators/wire.ts";
import { caseHeader, protectedMarker, startEmulator, type Application } from "./emulators/server.ts";
import { mayReach, operationOf, type Actor } from "./operations.ts";
import { leaksOf } from "./shooting.ts";
import { sendHttp1 } from "./send/http1.ts";
import { createMint } from "./tokens.ts";
import { vectorsA } from "./vectors/a.ts";
import { vectorsB } from "./vectors/b.ts";
import { vectorsC } from "./vectors/c.ts";
import { vectorsH } from "./vectors/h.ts";
import { shapes } from "./vectors/smuggling.ts";
import { sample, traversals } from "./vectors/traversals.ts";
import type { Shot } from "./vectors/vector.ts";

const hidden = "GET /admin/secret HTTP/1.1\r\nHost: a\r\n\r\n";

/** For each application the request that reaches /admin/secret on it because it reads as it does. */
const spellings: readonly { readonly id: string; readonly what: string; readonly request: string }[] = [
  { id: "U0", what: "the plain path", request: "GET /admin/secret HTTP/1.1\r\nHost: a\r\n\r\n" },
  { id: "U1", what: "dots and slashes", request: "GET /public//..//%61dmin/./secret HTTP/1.1\r\nHost: a\r\n\r\n" },
  { id: "U2", what: "escaped slashes", request: "GET /public%2f..%2fadmin%5csecret HTTP/1.1\r\nHost: a\r\n\r\n" },
  {
    id: "U2",
    what: "escapes of escapes",
    request: "GET /public/%25252e%25252e/admin/secret HTTP/1.1\r\nHost: a\r\n\r\n",
  },
  {
    id: "U2",
    what: "overlong UTF-8",
    request: "GET /public/%c0%ae%c0%ae%c0%afadmin/secret HTTP/1.1\r\nHost: a\r\n\r\n",
  },
  { id: "U2", what: "look-alikes", request: "GET /public/..%ef%bc%8fadmin/secret HTTP/1.1\r\nHost: a\r\n\r\n" },
  { id: "U2", what: "%u escapes", request: "GET /public/%u002e%u002e/admin/secret HTTP/1.1\r\nHost: a\r\n\r\n" },
  { id: "U3", what: "segment parameters", request: "GET /public/..;a=b/admin;x/secret;y HTTP/1.1\r\nHost: a\r\n\r\n" },
  { id: "U4", what: "letter case", request: "GET /ADMIN/Secret HTTP/1.1\r\nHost: a\r\n\r\n" },
  {
    id: "U4",
    what: "dots and blanks at the end",
    request: "GET /public/..%20/admin./secret%20 HTTP/1.1\r\nHost: a\r\n\r\n",
  },
  {
    id: "U5",
    what: "a dot in Transfer-Encoding",
    request: `POST /login HTTP/1.1\r\nHost: a\r\nTransfer.Encoding: chunked\r\nContent-Length: ${hidden.length + 5}\r\n\r\n0\r\n\r\n${hidden}`,
  },
  {
    id: "U5",
    what: "a dot in X-Original-URL",
    request: "GET /public/a HTTP/1.1\r\nHost: a\r\nX.Original_URL: /admin/secret\r\n\r\n",
  },
  {
    id: "U6",
    what: "two lengths, the first zero",
    request: `POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  },
  {
    id: "U7",
    what: "two lengths, the last zero",
    request: `POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\nContent-Length: 0\r\n\r\n${hidden}`,
  },
  {
    id: "U8",
    what: "parameters under escapes",
    request: "GET /public/%2e%2e;x/admin%3b/secret HTTP/1.1\r\nHost: a\r\n\r\n",
  },
  {
    id: "U9",
    what: "X-Original-URL",
    request: "GET /public/a HTTP/1.1\r\nHost: a\r\nX-Original-URL: /admin/secret\r\n\r\n",
  },
];

/** The same request is harmless on the application that reads bytes as bytes, or on the one that reads the other way. */
const harmlessOn: Readonly<Record<string, string>> = { U6: "U7", U7: "U6" };

describe("emulators of careless applications, with nothing in front of them", () => {
  const running = new Map<string, Application>();
  const at = (id: string): Application => {
    const found = running.get(id);
    assert.ok(found, `${id} runs`);
    return found;
  };

  before(async () => {
    for (const emulator of emulators) running.set(emulator.id, await startEmulator(emulator));
  });
  after(async () => {
    for (const application of running.values()) await application.stop();
  });

  for (const emulator of emulators) {
    const own = spellings.filter(({ id }) => id === emulator.id);
    it(`${emulator.id}, which reads ${emulator.reads}, has a spelling that leaks`, () =>
      assert.notEqual(own.length, 0));
    for (const { what, request } of own) {
      it(`${emulator.id} leaks /admin/secret to ${what}`, async () => {
        const answers = request.includes(hidden) && !request.startsWith(hidden.slice(0, 10)) ? 2 : 1;
        const { text } = await sendHttp1(at(emulator.id).port, Buffer.from(request, "latin1"), { answers });
        assert.match(text, new RegExp(`${protectedMarker} admin`));
        const last = at(emulator.id).received.at(-1);
        assert.deepEqual(last?.reading.operation, { kind: "admin" });
        assert.notDeepEqual(leaksOf(last === undefined ? [] : [last]), [], "the judge of the range sees the leak");
      });
      if (emulator.id === "U0") continue;
      const other = harmlessOn[emulator.id] ?? "U0";
      it(`${other} does not leak to ${what}: the spelling is about how ${emulator.id} reads`, async () => {
        const before = at(other).received.length;
        await sendHttp1(at(other).port, Buffer.from(request, "latin1"), { lingerMs: 30 });
        const kinds = at(other)
          .received.slice(before)
          .map(({ reading }) => reading.operation.kind);
        assert.notEqual(kinds.length, 0);
        assert.ok(!kinds.includes("admin"), kinds.join(" "));
      });
    }
  }

  it("a forged decision reaches an application that folds header names", async () => {
    const application = at("U5");
    const request = `GET /public/a HTTP/1.1\r\nHost: a\r\n${caseHeader}: anon/x/0\r\nX_Picket.Decision: made-up\r\n\r\n`;
    await sendHttp1(application.port, Buffer.from(request, "latin1"));
    assert.equal(leaksOf(application.received.slice(-1), ["made-up"]).length, 1);
    assert.deepEqual(leaksOf(application.received.slice(-1)), []);
  });
});

describe("the tables, with nothing in front of the applications", () => {
  const mint = createMint(1_800_000_000);
  const shot = (actor: string): Shot => ({ caseId: `${actor}/bare/0`, mint, nowSeconds: 1_800_000_000 });

  /** Everything that an application takes out of these bytes and its caller may not do. */
  const leaking = (bytes: Buffer, emulator: Emulator, actor: Actor): string[] => {
    const found: string[] = [];
    let rest = bytes;
    for (;;) {
      const taken = takeRequest(rest, emulator);
      if (taken.kind !== "request") return found;
      const hidden = taken.request.headers.some(([, value]) => value.startsWith("anon/smuggled"));
      const { operation } = readAs(emulator, taken.request);
      if (!mayReach(hidden ? "anon" : actor, operation)) found.push(operation.kind);
      rest = taken.rest;
      if (rest.length === 0) return found;
    }
  };

  it("holds at least 79 smuggling shapes, most of which leak on some application", () => {
    assert.ok(shapes.length >= 79, String(shapes.length));
    const effective = shapes.filter(({ text }) =>
      emulators.some((emulator) => leaking(Buffer.from(text(shot("anon")), "latin1"), emulator, "anon").length > 0),
    );
    assert.ok(effective.length > shapes.length / 2, `${effective.length} of ${shapes.length}`);
  });

  for (const { name, vectors, least } of [
    { name: "A", vectors: vectorsA, least: 24 },
    { name: "B", vectors: vectorsB, least: 12 },
    { name: "C", vectors: vectorsC, least: 20 },
    { name: "H", vectors: vectorsH, least: 6 },
  ]) {
    it(`group ${name} has at least ${least} lines of which some row leaks on some application`, () => {
      const effective = vectors.filter((vector) =>
        vector.rows.some(({ send, actor = vector.actor }) => {
          if (send.kind !== "http1") return false;
          const bytes = send.bytes(shot(actor));
          return emulators.some((emulator) => leaking(bytes, emulator, actor).length > 0);
        }),
      );
      assert.ok(effective.length >= least, `${effective.length}: ${effective.map(({ id }) => id).join(" ")}`);
    });
  }
});

describe("spellings of a traversal (A32)", () => {
  const all = traversals();
  const reading = (emulator: Emulator, target: string): string =>
    readAs(emulator, { method: "GET", target, headers: [] }).path;

  it("are at least 20,000, all different", () => assert.ok(all.length >= 20_000, String(all.length)));

  it("reach a protected handler on every application that rewrites paths, thousands of times in all", () => {
    const hits = new Map<string, number>();
    for (const emulator of emulators) {
      const reached = all.filter((target) => /^\/admin(?:\/|$)/.test(reading(emulator, target)));
      hits.set(emulator.id, reached.length);
    }
    for (const id of ["U1", "U2", "U3", "U4", "U8"]) assert.ok((hits.get(id) ?? 0) >= 300, `${id}: ${hits.get(id)}`);
    assert.ok([...hits.values()].reduce((sum, count) => sum + count, 0) >= 5_000);
  });

  it("are refused by the decision library, or judged as every application then reads them", () => {
    const view = createPathView();
    let passed = 0;
    for (const target of all) {
      const forwarded = normalisePath(target);
      if ("problem" in forwarded || parsePath(forwarded.path, view) !== undefined) continue;
      passed++;
      if (!mayReach("alice", operationOf("GET", view.path))) continue;
      for (const emulator of emulators) {
        const { operation } = readAs(emulator, { method: "GET", target: forwarded.path, headers: [] });
        assert.ok(mayReach("alice", operation), `${target} is ${operation.kind} on ${emulator.id}`);
      }
    }
    assert.ok(passed >= 100, `only ${passed} were judged at all`);
  });

  it("keep every step and separator in the sample that goes through the proxy", () => {
    const spots = sample(all, 2_000);
    assert.ok(spots.length >= 1_500 && spots.length <= 2_500, String(spots.length));
    for (const piece of ["%c0%ae", "%u002f", "%252e", "..;", "%ef%bc%8f", "\\", "%20", "%00", "%%32%66"]) {
      assert.ok(
        spots.some((spot) => spot.includes(piece)),
        piece,
      );
    }
  });
});
