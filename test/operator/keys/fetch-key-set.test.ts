import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import type { Destinations } from "../../../operator/keys/destination.ts";
import { createFetchKeySet, type Fetched, type Resolve } from "../../../operator/keys/fetch-key-set.ts";
import { keySetMaxBytes } from "../../../operator/translate/keys.ts";
import { IssuerServer, keySetOf } from "./issuer-server.ts";

const everywhere: Destinations = {
  hosts: { allowedHosts: undefined, allowPrivateAddresses: true },
  mayBeLoopback: true,
  never: [],
};

describe("fetching a key set", () => {
  let issuer: IssuerServer;
  let resolve: Resolve;
  let resolved: string[];
  const never = new AbortController().signal;

  before(async () => {
    issuer = await IssuerServer.start();
  });
  after(() => issuer.stop());
  beforeEach(() => {
    issuer.asked = 0;
    issuer.serve(keySetOf("one"));
    resolved = [];
    resolve = () => Promise.resolve(["127.0.0.1"]);
  });

  const fetch = (uri = issuer.uri(), destinations = everywhere, msMax = 2_000): Promise<Fetched> =>
    createFetchKeySet(
      {
        resolve: (host) => {
          resolved.push(host);
          return resolve(host);
        },
        authorities: [issuer.authority],
      },
      msMax,
    )(uri, destinations, never);
  const failureOf = async (fetched: Promise<Fetched>): Promise<string> => {
    const one = await fetched;
    return one.kind === "failed" ? one.failure : "fetched";
  };

  it("gives the text, asks for the path that is written, and says nothing of callers", async () => {
    const text = keySetOf("one");
    let seen: unknown;
    issuer.answer = ({ method, url, headers }, response) => {
      seen = { method, url, host: headers.host, names: Object.keys(headers).toSorted() };
      response.end(text);
    };
    assert.deepEqual(await fetch(`${issuer.uri()}?v=1`), { kind: "fetched", text });
    const names = ["accept", "accept-encoding", "connection", "host"];
    assert.deepEqual(seen, { method: "GET", url: "/jwks.json?v=1", host: `localhost:${issuer.port}`, names });
  });

  it("takes the next address where one does not answer", async () => {
    resolve = () => Promise.resolve(["::1", "127.0.0.1"]);
    assert.equal(await failureOf(fetch()), "fetched");
  });

  describe("asks nobody", () => {
    const publicOnly: Destinations = { ...everywhere, hosts: undefined };
    const refused: readonly [string, string, Destinations, string][] = [
      ["an address of loopback", "https://127.0.0.1", publicOnly, "address-refused"],
      ["loopback of IPv6", "https://[::1]", publicOnly, "address-refused"],
      ["loopback in disguise", "https://2130706433", publicOnly, "address-refused"],
      ["loopback in another disguise", "https://0x7f.1", publicOnly, "address-refused"],
      ["loopback inside IPv6", "https://[::ffff:7f00:1]", publicOnly, "address-refused"],
      ["a metadata service", "https://169.254.169.254", everywhere, "address-refused"],
      ["a host that is not on the list", "https://localhost", allowing("id.example"), "host-refused"],
      ["a name below a listed one", "https://a.localhost", allowing("localhost"), "host-refused"],
      ["another scheme", "http://localhost", everywhere, "host-refused"],
      ["a file", "file:///etc/passwd", everywhere, "host-refused"],
      ["with a password", "https://user:word@localhost", everywhere, "host-refused"],
      ["a name that means loopback", "https://id.example", publicOnly, "address-refused"],
      ["the operator's own pod", "https://localhost", { ...everywhere, mayBeLoopback: false }, "address-refused"],
      ["the cluster's own API", "https://localhost", { ...everywhere, never: ["127.0.0.1"] }, "address-refused"],
    ];
    for (const [what, start, destinations, failure] of refused) {
      it(what, async () => {
        const uri = start.startsWith("file") ? start : `${start}:${issuer.port}/jwks.json`;
        assert.equal(await failureOf(fetch(uri, destinations)), failure);
        assert.equal(issuer.asked, 0);
      });
    }

    it("whose name has a good address and a bad one", async () => {
      resolve = () => Promise.resolve(["127.0.0.1", "169.254.169.254"]);
      assert.equal(await failureOf(fetch()), "address-refused");
      assert.equal(issuer.asked, 0);
    });

    it("whose name has none", async () => {
      resolve = () => Promise.resolve([]);
      assert.equal(await failureOf(fetch()), "name-unknown");
      resolve = () => Promise.reject(new Error("ENOTFOUND"));
      assert.equal(await failureOf(fetch()), "name-unknown");
    });
  });

  it("connects to the address that was checked, whatever the name means a moment later", async () => {
    let times = 0;
    resolve = () => Promise.resolve([times++ === 0 ? "127.0.0.1" : "169.254.169.254"]);
    assert.equal(await failureOf(fetch(issuer.uri("localhost"))), "fetched");
    assert.deepEqual(resolved, ["localhost"]);
  });

  describe("takes nothing", () => {
    it("from a host that sends elsewhere", async () => {
      for (const status of [301, 302, 303, 307, 308]) {
        issuer.answer = (_request, response) =>
          response.writeHead(status, { location: "https://169.254.169.254/" }).end(keySetOf("x"));
        assert.equal(await failureOf(fetch()), "redirect");
      }
      assert.equal(issuer.asked, 5);
    });

    it("from a host that answers with an error, or with nothing", async () => {
      for (const status of [204, 206, 404, 500, 503]) {
        issuer.serve(status === 204 ? "" : keySetOf("x"), status);
        assert.equal(await failureOf(fetch()), "status");
      }
    });

    it("that is larger than a key set, and does not read it to its end", async () => {
      let sent = 0;
      issuer.answer = (_request, response) => {
        const pour = (): void => {
          while (!response.destroyed && sent < 120 << 20) {
            sent += 65_536;
            if (!response.write(Buffer.alloc(65_536, " "))) return void response.once("drain", pour);
          }
        };
        pour();
      };
      assert.equal(await failureOf(fetch()), "too-large");
      assert.ok(sent < 40 * keySetMaxBytes, `${sent} bytes were read`);
    });

    it("from a host that does not answer in time, or stops in the middle", async () => {
      issuer.answer = () => undefined;
      assert.equal(await failureOf(fetch(issuer.uri(), everywhere, 150)), "timeout");
      issuer.answer = (_request, response) => void response.write('{"keys":[');
      assert.equal(await failureOf(fetch(issuer.uri(), everywhere, 150)), "timeout");
      issuer.answer = (_request, response) => {
        response.write('{"keys":[');
        setTimeout(() => response.destroy(), 20);
      };
      assert.equal(await failureOf(fetch()), "unreachable");
    });

    it("from a name that is not found in time", async () => {
      resolve = () => new Promise(() => undefined);
      assert.equal(await failureOf(fetch(issuer.uri(), everywhere, 100)), "timeout");
    });

    it("from a host whose certificate is not trusted, has expired, or names another", async () => {
      const strange = createFetchKeySet({ resolve });
      assert.equal(await failureOf(strange(issuer.uri(), everywhere, never)), "certificate");
      const expired = await IssuerServer.start({ notAfter: new Date(Date.now() - 60_000) });
      const other = await IssuerServer.start({ names: ["other.example"], addresses: [] });
      for (const server of [expired, other]) {
        server.serve(keySetOf("x"));
        const trusting = createFetchKeySet({ resolve, authorities: [server.authority] });
        assert.equal(await failureOf(trusting(server.uri(), everywhere, never)), "certificate");
        assert.equal(server.asked, 0);
        await server.stop();
      }
    });

    it("from a host that speaks no TLS, or is not there", async () => {
      const plain: Server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.resume();
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      });
      plain.listen(0, "127.0.0.1");
      await once(plain, "listening");
      const { port } = plain.address() as AddressInfo;
      assert.equal(await failureOf(fetch(`https://localhost:${port}/`)), "certificate");
      plain.close();
      await once(plain, "close");
      assert.equal(await failureOf(fetch(`https://localhost:${port}/`)), "unreachable");
    });
  });
});

function allowing(host: string): Destinations {
  return { ...everywhere, hosts: { allowedHosts: [host], allowPrivateAddresses: true } };
}
