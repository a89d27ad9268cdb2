import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { openSync, readFileSync, writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { createAccounts } from "./accounts.ts";
import { createAdmin } from "./admin.ts";
import { createApplication, type Handler } from "./application.ts";
import { createLedger } from "./ledger.ts";
import { createLogin } from "./login.ts";
import { readPeople } from "./people.ts";
import { createTransfers } from "./transfers.ts";

/*
 * One service of the sample bank: `node main.ts accounts --port 19080 --log accounts.jsonl`.
 * Prints its port as one line of JSON when it serves, and ends when its standard input does.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    log: { type: "string", default: "/dev/null" },
    /** Private key of the issuer (PEM, P-256); without it the login service makes one. */
    key: { type: "string" },
  },
});

const name = positionals[0] ?? "";
const handler = createHandler(name);
if (handler === undefined) {
  process.stderr.write(`error: no service named "${name}"\ntry:   login, accounts, transfers or admin\n`);
  process.exit(2);
}

// Appended and written at once: the line is in the file before the answer is on the wire.
const log = openSync(values.log, "a");
const server = createApplication(name, handler, (entry) => writeSync(log, `${JSON.stringify(entry)}\n`));
server.listen(Number(values.port), "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ service: name, port: (server.address() as AddressInfo).port })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();

function createHandler(service: string): Handler | undefined {
  switch (service) {
    case "login": {
      const key = values.key === undefined ? makeKey() : createPrivateKey(readFileSync(values.key));
      const jwk = { ...createPublicKey(key).export({ format: "jwk" }), kid: "bank-1", alg: "ES256", use: "sig" };
      return createLogin(readPeople(), key, jwk);
    }
    case "accounts":
      return createAccounts(createLedger());
    case "transfers":
      return createTransfers(createLedger());
    case "admin":
      return createAdmin(createLedger());
    default:
      return undefined;
  }
}

function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}
