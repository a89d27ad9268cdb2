import assert from "node:assert/strict";
import {
  address,
  ConfigError,
  oneOf,
  parseAddressText,
  printAddress,
  readConfig,
  secretText,
  text,
  wholeNumber,
} from "../../platform/config.ts";

const settings = {
  name: text("NAME", { meaning: "who", fallback: "me" }),
  port: wholeNumber("PORT", { min: 1, max: 9 }, { meaning: "which port" }),
  level: oneOf("LEVEL", ["low", "high"], { meaning: "how loud", fallback: "low" }),
  listen: address("LISTEN", { meaning: "where", fallback: "127.0.0.1:80" }),
  token: secretText("TOKEN", { meaning: "a secret" }),
};

describe("readConfig", () => {
  it("reads every setting once, with its type", () => {
    const config = readConfig(settings, { PORT: "7", LEVEL: "high", LISTEN: "unix:/run/x", TOKEN: "s3cret" });
    assert.deepEqual([config.name, config.port, config.level, config.listen.path], ["me", 7, "high", "/run/x"]);
    assert.equal(config.token.reveal(), "s3cret");
    assert.ok(!JSON.stringify(config).includes("s3cret"));
  });

  it("tells everything that is wrong at once", () => {
    assert.throws(
      () => readConfig(settings, { PORT: "12", LEVEL: "loud", LISTEN: "nowhere" }),
      (error) => error instanceof ConfigError && error.problems.length === 4,
    );
  });

  it("takes no number that is not plainly one", () => {
    for (const value of ["1e0", "0x1", " 1", "1.0", "-1", "٣", ""]) {
      assert.throws(() => readConfig({ port: settings.port }, { PORT: value }), ConfigError, JSON.stringify(value));
    }
  });

  it("reads and prints addresses", () => {
    for (const value of ["127.0.0.1:80", "[::1]:8080", "unix:/run/picket.sock"]) {
      assert.equal(printAddress(parseAddressText(value)!), value);
    }
    for (const value of ["", ":80", "host", "host:99999", "host:x", "unix:relative"]) {
      assert.equal(parseAddressText(value), undefined, value);
    }
  });
});
