import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import {
  authorityLifeMs,
  createAuthority,
  isSignedBy,
  issueLeaf,
  leafLifeMs,
  readCertificate,
  type Issued,
} from "../../../operator/certs/authority.ts";

const names = ["picket-operator.picket-system.svc", "picket-operator.picket-system.svc.cluster.local"];

/** What a client that believes these authorities says to a server. */
async function handshake(server: Issued, authorities: readonly Issued[], servername: string): Promise<string> {
  const listening = createServer({ cert: server.certificate, key: server.key.reveal() }, (socket) => socket.end());
  listening.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  const ca = authorities.map(({ certificate }) => certificate).join("");
  try {
    return await new Promise((resolve) => {
      const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca, servername }, () => resolve("accepted"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    listening.close();
  }
}

describe("an authority", () => {
  const nowMs = Date.now();
  let authority: Issued;
  let leaf: Issued;
  before(async () => {
    authority = await createAuthority(nowMs);
    leaf = await issueLeaf(authority, names, nowMs);
  });

  it("signs certificates that clients accept under each of their names, and no other", async () => {
    for (const name of names) assert.equal(await handshake(leaf, [authority], name), "accepted");
    assert.equal(await handshake(leaf, [authority], "scorer"), "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  it("is one of several that clients believe", async () => {
    const next = await createAuthority(nowMs);
    assert.equal(await handshake(leaf, [next, authority], names[0]!), "accepted");
    assert.notEqual(await handshake(leaf, [next], names[0]!), "accepted");
    const renewed = await issueLeaf(next, names, nowMs);
    assert.equal(await handshake(renewed, [next, authority], names[0]!), "accepted");
  });

  it("has the life and the limits that its certificates say", () => {
    const root = new X509Certificate(authority.certificate);
    assert.equal(root.ca, true);
    const child = new X509Certificate(leaf.certificate);
    assert.equal(child.ca, false);
    assert.deepEqual(child.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
    assert.equal(child.subjectAltName, names.map((name) => `DNS:${name}`).join(", "));
    const [own, issued] = [readCertificate(authority.certificate)!, readCertificate(leaf.certificate)!];
    assert.deepEqual([own.isAuthority, issued.isAuthority], [true, false]);
    assert.deepEqual(issued.names, names);
    for (const [facts, lifeMs] of [
      [own, authorityLifeMs],
      [issued, leafLifeMs],
    ] as const) {
      assert.equal(Math.floor(facts.fromMs / 1000), Math.floor(nowMs / 1000));
      assert.equal(Math.floor((facts.untilMs - facts.fromMs) / 1000), lifeMs / 1000);
    }
    assert.equal(own.digest, root.fingerprint256.replaceAll(":", "").toLowerCase());
  });

  it("issues nothing that outlives it", async () => {
    const almostOver = nowMs + authorityLifeMs - 1_000;
    const last = readCertificate((await issueLeaf(authority, names, almostOver)).certificate);
    assert.equal(last?.untilMs, readCertificate(authority.certificate)?.untilMs);
  });

  it("gives every certificate a number and a key of its own", async () => {
    const other = await issueLeaf(authority, names, nowMs);
    const [one, two] = [new X509Certificate(leaf.certificate), new X509Certificate(other.certificate)];
    assert.notEqual(one.serialNumber, two.serialNumber);
    assert.notEqual(leaf.key.reveal(), other.key.reveal());
  });

  it("is told from another one, even of the same name", async () => {
    const other = await createAuthority(nowMs);
    assert.equal(await isSignedBy(leaf.certificate, authority.certificate), true);
    assert.equal(await isSignedBy(leaf.certificate, other.certificate), false);
    assert.equal(await isSignedBy("nothing", authority.certificate), false);
    assert.equal(await isSignedBy(leaf.certificate, "nothing"), false);
  });

  it("reads what is no certificate as none, and shows no key when printed", () => {
    for (const text of [
      "",
      "x",
      authority.key.reveal(),
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ]) {
      assert.equal(readCertificate(text), undefined);
    }
    assert.doesNotMatch(JSON.stringify([authority, leaf]), /PRIVATE/);
  });
});
