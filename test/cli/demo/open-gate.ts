#!/usr/bin/env node
/*
 * Stands where Picket should and lets everything through: `open-gate.ts run DIR --status-address HOST:PORT …`. The demo
 * must say so. It knows no decisions, so `explain` fails.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createGate } from "node:net";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const [command, folder = "", ...rest] = process.argv.slice(2);
if (command !== "run") process.exit(3);

for (const file of readdirSync(folder)) {
  for (const document of parseAllDocuments(readFileSync(join(folder, file), "utf8"))) {
    const object = document.toJS() as { readonly kind: string; readonly spec: Readonly<Record<string, string>> };
    if (object.kind === "Workload") open(portOf(object.spec["listen"]), portOf(object.spec["upstream"]));
  }
}
createServer((_request, response) => response.end("ok")).listen(
  portOf(rest[rest.indexOf("--status-address") + 1]),
  "127.0.0.1",
);

function open(from: number, to: number): void {
  createGate((near) => {
    const far = connect(to, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => void (near.destroy(), far.destroy()));
  }).listen(from, "127.0.0.1");
}

function portOf(address: string | undefined): number {
  return Number(address?.split(":")[1]);
}
