import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { renderJson } from "../../../operator/translate/envoy/any.ts";
import { captureListener } from "../../../operator/translate/envoy/capture.ts";
import { createProxyKeys, installKeyBytes } from "../../../operator/translate/proxy-key.ts";
import { translateClosed, translateWorkload } from "../../../operator/translate/translate.ts";
import { Secret } from "../../../platform/secret.ts";
import { WorkloadPolicy } from "../../../protos/gen/picket/policy/v1alpha1/policy.ts";
import { accounts, enforced, install } from "../../golden/translate/cases.ts";

const installKey = new Secret<Uint8Array>(Buffer.alloc(installKeyBytes, 7));
const proxyKeyOf = createProxyKeys(installKey);
const key = proxyKeyOf("bank/accounts");

describe("keys of proxies", () => {
  it("are the same on every replica, and others for each workload and install", () => {
    const other = createProxyKeys(new Secret<Uint8Array>(Buffer.alloc(installKeyBytes, 8)));
    assert.equal(key, createProxyKeys(installKey)("bank/accounts"));
    assert.equal(new Set([key, proxyKeyOf("bank/other"), other("bank/accounts")]).size, 3);
    assert.match(key, /^[\w-]{43}$/);
    const hmac = createHmac("sha256", installKey.reveal()).update("picket proxy key\nbank/accounts");
    assert.equal(key, hmac.digest("base64url"));
  });

  it("are not made from a key that is too short", () => {
    assert.throws(() => createProxyKeys(new Secret<Uint8Array>(Buffer.alloc(16))), RangeError);
  });

  it("go to the proxies, and to the scorers as a digest only", () => {
    const { envoy, scorer } = translateWorkload(enforced, install, { keys: new Map(), proxyKeyOf });
    const policy = WorkloadPolicy.decode(scorer.bytes);
    assert.deepEqual(
      policy.proxyKeyDigests.map((digest) => Buffer.from(digest)),
      [createHash("sha256").update(key).digest()],
    );
    assert.ok(!Buffer.from(scorer.bytes).includes(key));
    for (const resource of [...envoy.listeners, ...envoy.routes]) {
      assert.ok(JSON.stringify(renderJson(resource)).includes(key), resource.name);
    }
    const closed = translateClosed(accounts, install, { proxyKeyOf });
    const ports = [{ workload: accounts, strictness: "strict" as const }];
    const captured = captureListener(ports, install, { ipv6: false, proxyKeyOf });
    for (const resource of [...closed.listeners, captured]) {
      assert.ok(JSON.stringify(renderJson(resource)).includes(key), resource.name);
    }
  });

  it("belong to what the revision and its canary stand for", () => {
    const before = translateWorkload(enforced, install, { keys: new Map() });
    const after = translateWorkload(enforced, install, { keys: new Map(), proxyKeyOf });
    assert.notEqual(after.revision, before.revision);
    assert.ok(after.canaryPath.endsWith(after.revision));
    assert.ok(!after.canaryPath.includes(key));
  });
});
