import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createIssuerKey, forgeTokens, signToken } from "../../../cli/demo/tokens.ts";
import { poll, type Cluster } from "../cluster.ts";
import { addressOfService, clusterWithPicket, installMs, statusOf, waitProgrammed, waitReady } from "./product.ts";

const bank = join(import.meta.dirname, "../../../examples/bank");
const services = ["accounts", "admin", "login", "transfers"];

describe("the sample bank, as its files are, in a cluster", function () {
  this.timeout(180_000);
  const key = createIssuerKey();
  let cluster: Cluster;
  const hosts = new Map<string, string>();

  const claims = { iss: "https://id.bank.example", aud: "bank-api", sub: "u-100001", account: "100001" };
  const token = (more: object = {}): string => {
    const now = Math.floor(Date.now() / 1000);
    return signToken(key.privateKey, { ...claims, scope: "accounts:read", iat: now, exp: now + 600, ...more });
  };
  const ask = async (service: string, path: string, bearer?: string, method = "GET"): Promise<number> =>
    statusOf(`http://${hosts.get(service)}${path}`, {
      method,
      ...(bearer !== undefined && { headers: { authorization: `Bearer ${bearer}` } }),
    });

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    // The key of the example has no private half that anybody has.
    const identity = readFileSync(join(bank, "policies/identity.yaml"), "utf8");
    const jwks = JSON.stringify({ keys: [key.publicJwk] });
    await cluster.kubectl(["apply", "--filename", join(bank, "kubernetes")]);
    await cluster.kubectl(["apply", "--filename", join(bank, "policies")]);
    await cluster.kubectl(["apply", "--filename", "-"], { stdin: identity.replace(/'\{"keys":.*\}'/, `'${jwks}'`) });
    await waitReady(cluster, "bank", ...services.map((name) => `deployment/${name}`));
    for (const name of services) {
      await waitProgrammed(cluster, "bank", name);
      hosts.set(name, await addressOfService(cluster, "bank", name));
    }
    await poll(async () => (await ask("accounts", "/healthz")) === 200, { timeoutMs: 20_000, what: "the bank" });
  });
  after(async () => {
    await cluster.kubectl(["delete", "--wait=false", "--filename", join(bank, "policies")]);
    await cluster.removeNamespace("bank");
  });

  it("shows every policy accepted and programmed, and its proxies", async () => {
    const table = await cluster.kubectl(["get", "apol", "--namespace", "bank"]);
    for (const name of services) {
      assert.match(table, new RegExp(`^${name} +Enforce +True +True +1/1`, "m"));
    }
  });

  it("lets people read their own account and nobody else's", async () => {
    assert.equal(await ask("accounts", "/v1/accounts/100001/balance", token()), 200);
    assert.equal(await ask("accounts", "/v1/accounts/100002/balance", token()), 403);
    assert.equal(await ask("accounts", "/v1/accounts/100001/balance", token({ scope: "" })), 403);
    assert.equal(await ask("accounts", "/v1/accounts/100001/balance"), 401);
  });

  it("refuses forged and expired tokens", async () => {
    const now = Math.floor(Date.now() / 1000);
    const forged = forgeTokens(key, { ...claims, scope: "accounts:read", exp: now + 600 }, token(), now);
    assert.ok(forged.length > 5);
    for (const { what, token: one } of forged) {
      const status = await ask("accounts", "/v1/accounts/100001/balance", one);
      assert.ok([400, 401, 403].includes(status), `${what}: ${status}`);
    }
  });

  it("keeps staff pages for staff, and debug pages from everybody", async () => {
    const staff = token({ sub: "s-1", account: "", roles: ["admin"], acr: "2" });
    assert.equal(await ask("admin", "/admin/users", token()), 403);
    assert.notEqual(await ask("admin", "/admin/users", staff), 403);
    assert.equal(await ask("admin", "/admin/debug/env", staff), 403);
  });

  it("refuses spellings of a path", async () => {
    for (const path of ["/v1/accounts/100001/..%2f100002/balance", "/v1/accounts/100001%2f", "/v1/accounts/%2e%2e/x"]) {
      const status = await ask("accounts", path, token());
      assert.ok([400, 403].includes(status), `${path}: ${status}`);
    }
  });
});
