import assert from "node:assert/strict";
import { classOfAddress, isAllowedHost, mayAsk, type AddressClass } from "../../../operator/keys/destination.ts";

const classes: Readonly<Record<AddressClass, readonly string[]>> = {
  public: ["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"],
  private: [
    "10.0.0.1",
    "10.96.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.9",
    "fc00::1",
    "fd12:3456::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1",
  ],
  loopback: ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1"],
  never: [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "100.100.100.200",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "",
    "localhost",
    "2130706433",
    "0x7f.1",
    "127.0.0.1:80",
  ],
};

describe("addresses from which keys may be fetched", () => {
  for (const [expected, addresses] of Object.entries(classes)) {
    for (const address of addresses) {
      it(`${address === "" ? "nothing" : address} is ${expected}`, () =>
        assert.equal(classOfAddress(address), expected));
    }
  }

  const asks = (mayBePrivate: boolean | undefined, mayBeLoopback: boolean, never: readonly string[] = []): string => {
    const hosts =
      mayBePrivate === undefined ? undefined : { allowedHosts: undefined, allowPrivateAddresses: mayBePrivate };
    return ["1.1.1.1", "10.96.0.1", "127.0.0.1", "169.254.169.254"]
      .filter((address) => mayAsk(address, { hosts, mayBeLoopback, never }))
      .join(" ");
  };

  it("are public ones only, unless the install says otherwise", () => {
    assert.equal(asks(undefined, true), "1.1.1.1");
    assert.equal(asks(false, true), "1.1.1.1");
  });

  it("may then be private, and loopback where that is not the operator's own pod; never those of special use", () => {
    assert.equal(asks(true, true), "1.1.1.1 10.96.0.1 127.0.0.1");
    assert.equal(asks(true, false), "1.1.1.1 10.96.0.1");
  });

  it("are never those of the cluster's own API, in any spelling", () => {
    assert.equal(asks(true, false, ["10.96.0.1"]), "1.1.1.1");
    assert.equal(asks(true, false, ["10.96.0.0/12", "1.1.1.0/24"]), "");
    const hosts = { allowedHosts: undefined, allowPrivateAddresses: true };
    assert.equal(mayAsk("::ffff:10.96.0.1", { hosts, mayBeLoopback: false, never: ["10.96.0.1"] }), false);
    assert.equal(mayAsk("fd00::1", { hosts, mayBeLoopback: false, never: ["fd00::/64"] }), false);
  });
});

describe("hosts from which keys may be fetched", () => {
  const hosts = { allowedHosts: ["id.example", "*.bank.example"], allowPrivateAddresses: false };

  it("are all where nothing is said, and none where the list is empty", () => {
    assert.equal(isAllowedHost("a.example", undefined), true);
    assert.equal(isAllowedHost("a.example", { ...hosts, allowedHosts: undefined }), true);
    assert.equal(isAllowedHost("a.example", { ...hosts, allowedHosts: [] }), false);
  });

  it("are those of the list, whatever their case, and those below a star but not the name itself", () => {
    for (const host of ["id.example", "ID.Example", "id.example.", "a.bank.example", "a.b.bank.example"]) {
      assert.equal(isAllowedHost(host, hosts), true, host);
    }
    for (const host of [
      "example",
      "x.id.example",
      "id.example.evil",
      "bank.example",
      "evilbank.example",
      ".bank.example",
    ]) {
      assert.equal(isAllowedHost(host, hosts), false, host);
    }
  });
});
