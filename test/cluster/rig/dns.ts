/**
 * The DNS of the cluster, in the measure that tests need: A records of Services, of ready endpoints of headless
 * Services and of their pods with a host name. AAAA is empty, other names of the cluster do not exist, anything else is
 * refused. Over UDP only. Arguments: PKI folder, URL of the API server, address to listen on.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { createApiClient } from "./api-client.ts";

/** Answers may be this old; then the next question waits for new ones. */
const freshMs = 250;
const askTimeoutMs = 2_000;
/** Addresses in one answer; more do not fit into a datagram that every resolver takes. */
const addressesMax = 25;
const domain = ".cluster.local";
const recordTypeA = 1;

interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly clusterIP?: string };
}

interface Slice {
  readonly metadata: { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> };
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly hostname?: string;
    readonly conditions?: { readonly ready?: boolean };
  }[];
}

const [pki = "", apiUrl = "", address = ""] = process.argv.slice(2);
const { call } = createApiClient({ pki, apiUrl });

async function list<T>(path: string): Promise<readonly T[]> {
  const { status, body } = await call("GET", path, { timeoutMs: askTimeoutMs });
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return (body as { readonly items: readonly T[] }).items;
}

async function readNames(): Promise<ReadonlyMap<string, readonly string[]>> {
  const [services, slices] = await Promise.all([
    list<Service>("/api/v1/services"),
    list<Slice>("/apis/discovery.k8s.io/v1/endpointslices"),
  ]);
  const names = new Map<string, string[]>();
  const headless = new Set<string>();
  for (const { metadata, spec } of services) {
    const name = `${metadata.name}.${metadata.namespace}.svc${domain}`;
    if (spec.clusterIP === "None") headless.add(name);
    names.set(name, spec.clusterIP === undefined || headless.has(name) ? [] : [spec.clusterIP]);
  }
  for (const { metadata, endpoints } of slices) {
    const name = `${metadata.labels?.["kubernetes.io/service-name"]}.${metadata.namespace}.svc${domain}`;
    if (!headless.has(name)) continue;
    for (const { addresses, hostname, conditions } of endpoints ?? []) {
      if (conditions?.ready === false) continue;
      names.get(name)?.push(...addresses);
      if (hostname !== undefined) names.set(`${hostname}.${name}`, [...addresses]);
    }
  }
  return names;
}

let known: ReadonlyMap<string, readonly string[]> = new Map();
let knownSinceMs = -Infinity;
let reading: Promise<void> | undefined;

/** Reads when what is known is old. While the API server is away, what is known stays. */
async function current(): Promise<ReadonlyMap<string, readonly string[]>> {
  if (performance.now() - knownSinceMs > freshMs) {
    reading ??= refresh();
    await reading;
  }
  return known;
}

async function refresh(): Promise<void> {
  try {
    known = await readNames();
    knownSinceMs = performance.now();
  } catch (error) {
    console.error(String(error));
  }
  reading = undefined;
}

async function answer(query: Buffer): Promise<Buffer | undefined> {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]; length !== undefined && length > 0; length = query[at]) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (query.length < at + 5) return undefined;
  const name = labels.join(".").toLowerCase();
  const isOurs = name.endsWith(domain);
  const addresses = isOurs ? (await current()).get(name) : undefined;
  const code = addresses !== undefined ? 0 : isOurs ? 3 : 5;
  const isA = query.readUInt16BE(at + 1) === recordTypeA;
  const answers = isA ? (addresses ?? []).slice(0, addressesMax) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x85_80 | code, 2); // an answer, with authority; recursion was wanted and is there
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  const records = answers.map((one) =>
    // The name by reference to the question, type A, class IN, lives one second, four bytes.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...one.split(".").map(Number)]),
  );
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

const socket = createSocket("udp4");
const reply = async (query: Buffer, { port, address }: RemoteInfo): Promise<void> => {
  const answered = await answer(query);
  if (answered !== undefined) socket.send(answered, port, address);
};
socket.on("message", (query, peer) => void reply(query, peer));
socket.bind(53, address);
