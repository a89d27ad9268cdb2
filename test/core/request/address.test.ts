import assert from "node:assert/strict";
import { isIP } from "node:net";
import fc from "fast-check";
import { addressBytesMax, networkOf, parseAddress } from "../../../core/request/address.ts";

describe("parseAddress", () => {
  const canonical: readonly (readonly [string, string])[] = [
    ["203.0.113.9", "203.0.113.9"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["::ffff:cb00:7109", "203.0.113.9"],
    ["0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["::1.2.3.4", "::102:304"],
  ];
  for (const [text, address] of canonical) {
    it(`reads ${text} as ${address}`, () => assert.equal(parseAddress(text), address));
  }

  const refused = [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4.",
    ".1.2.3.4",
    "1..2.3",
    "01.2.3.4",
    "1.2.3.00",
    "256.1.1.1",
    "1.2.3.4:80",
    "1.2.3.4/24",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "1.2.3.4 ",
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1::2::3",
    "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "[::1]",
    "::ffff:1.2.3",
    "::ffff:01.2.3.4",
    "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1.2.3.4::",
  ];
  for (const text of refused) {
    it(`knows no address ${JSON.stringify(text)}`, () => {
      assert.equal(parseAddress(text), undefined);
      assert.equal(networkOf(text), undefined);
    });
  }

  it("does not look at text longer than an address can be", () => {
    assert.equal(parseAddress("0:".repeat(addressBytesMax)), undefined);
  });

  it("agrees with node:net on what is an address, and its own text is stable", () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.stringMatching(/^[0-9a-f:.]{1,20}$/),
      fc.ipV6().map((address) => address.replace(/[0-9a-f]/, ":")),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const address = parseAddress(candidate);
        assert.equal(address !== undefined, isIP(candidate) !== 0, candidate);
        if (address !== undefined) assert.equal(parseAddress(address), address);
      }),
      { numRuns: 5_000, seed: 13 },
    );
  });

  it("writes IPv6 as the URL standard does", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseAddress(text);
        const host = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        if (address !== undefined && address.includes(":")) assert.equal(address, host);
        else assert.match(host, /^::ffff:/);
      }),
      { numRuns: 2_000, seed: 17 },
    );
  });
});

describe("networkOf", () => {
  it("is /24 for IPv4 and /64 for IPv6, in one spelling", () => {
    assert.equal(networkOf("203.0.113.9"), "203.0.113.0/24");
    assert.equal(networkOf("::ffff:203.0.113.9"), "203.0.113.0/24");
    assert.equal(networkOf("2001:DB8:0:1:a:b:c:d"), "2001:db8:0:1::/64");
    assert.equal(networkOf("2001:db8::1"), "2001:db8::/64");
    assert.equal(networkOf("1:2:3:4::"), "1:2:3:4::/64");
    assert.equal(networkOf("::1"), "::/64");
  });
});
