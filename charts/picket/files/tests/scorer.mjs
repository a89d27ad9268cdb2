// A real Check over TLS, of a call that names no workload: it must be answered, and never by default bytes, which Envoy
// would read as consent.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const session = connect(process.env.SCORER, { ca: readFileSync("/var/run/picket-trust/ca.crt") });
const answer = await new Promise((resolve, reject) => {
  session.on("error", reject);
  const stream = session.request({
    ":method": "POST",
    ":path": "/envoy.service.auth.v3.Authorization/Check",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const chunks = [];
  let status = "none";
  stream.setTimeout(10_000, () => stream.destroy(new Error("no answer in ten seconds")));
  stream.on("error", reject);
  stream.on("response", (headers) => (status = headers["grpc-status"] ?? status));
  stream.on("trailers", (trailers) => (status = trailers["grpc-status"] ?? status));
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => resolve({ status, bytes: Buffer.concat(chunks).length }));
  // One message, not compressed, of no bytes: an empty CheckRequest.
  stream.end(Buffer.alloc(5));
});
session.close();
if (answer.status !== "0" || answer.bytes <= 5) throw new Error(`the scorer answered ${JSON.stringify(answer)}`);
process.stdout.write("the scorer judges\n");
