import assert from "node:assert/strict";
import { request } from "node:http";
import { poll, testImages, type Cluster } from "../cluster.ts";
import { runCommand } from "../rig/command.ts";
import {
  clusterWithPicket,
  installMs,
  installNamespace,
  podsOf,
  policy,
  statusOf,
  waitProgrammed,
  waitReady,
  workload,
  type PodView,
} from "./product.ts";

const hostPort = 18_080;
const externalPort = 18_081;

describe("ways around a sidecar, in real pods", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let namespace: string;
  let pod: PodView;

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("ways", { labels: { "picket.dev/inject": "enabled" } });
    const ports = [{ name: "http", containerPort: 8080, hostPort }];
    const [deployment, service] = workload({ container: { ports } }) as readonly [Deployment, object];
    const tools = { name: "tools", image: testImages.tools, args: ["-c", "sleep 100000"] };
    deployment.spec.template.spec.containers.push(tools);
    const plain = workload({ name: "plain", template: { labels: { app: "plain", "picket.dev/inject": "false" } } });
    const further = [
      serviceOf("headless", { clusterIP: "None", ports: [{ port: 8080 }] }),
      serviceOf("by-number", { ports: [{ port: 80, targetPort: 8080 }] }),
      serviceOf("by-node", { type: "NodePort", ports: [{ port: 80, targetPort: 8080 }] }),
      serviceOf("external", { externalIPs: [cluster.nodeIp], ports: [{ port: externalPort, targetPort: 8080 }] }),
    ];
    await cluster.apply([deployment, service, ...further, ...plain, policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts", "deployment/plain");
    await waitProgrammed(cluster, namespace, "accounts");
    [pod] = (await podsOf(cluster, namespace, "accounts")) as [PodView];
  });
  after(async () => cluster.removeNamespace(namespace));

  const inPod = async (script: string): Promise<string> => {
    const words = ["exec", pod.metadata.name, "--container=tools", "--", "sh", "-c", script];
    return cluster.kubectl(["--namespace", namespace, ...words]);
  };

  it("I14: are judged by every way that leads to them", async () => {
    const addressOf = async (name: string): Promise<string> =>
      cluster.kubectl(["--namespace", namespace, "get", "service", name, "--output=jsonpath={.spec.clusterIP}"]);
    const nodePort = await cluster.kubectl([
      "--namespace",
      namespace,
      "get",
      "service",
      "by-node",
      "--output=jsonpath={.spec.ports[0].nodePort}",
    ]);
    const ways = {
      address: `${pod.status.podIP}:8080`,
      "mapped address": `[::ffff:${pod.status.podIP}]:8080`,
      service: await addressOf("accounts"),
      "service by number": await addressOf("by-number"),
      "node port": `${cluster.nodeIp}:${nodePort}`,
      "host port": `${cluster.nodeIp}:${hostPort}`,
      "external address": `${cluster.nodeIp}:${externalPort}`,
    };
    for (const [way, host] of Object.entries(ways)) {
      const open = async (): Promise<boolean> => (await statusOf(`http://${host}/v1/accounts/1`)) === 200;
      await poll(open, { timeoutMs: 30_000, what: `an answer by ${way}` });
      assert.equal(await statusOf(`http://${host}/admin`), 403, way);
    }
    const headless = await inPod(
      `curl --silent --output /dev/null --write-out '%{http_code}' http://headless.${namespace}.svc:8080/admin || true`,
    );
    // From inside of the pod its own address is not redirected: the one way that is inside the boundary.
    assert.ok(["200", "403"].includes(headless), headless);
  });

  it("I02: are not reached over IPv6 either", async function () {
    const [plain] = (await podsOf(cluster, namespace, "plain")) as [PodView];
    const control = await linkLocal(plain.status.podIP);
    const target = await linkLocal(pod.status.podIP);
    if (control === undefined || target === undefined || (await statusOverIpv6(control, "/v1/accounts/1")) !== 200) {
      process.stdout.write("        skipped: pods have no IPv6 here\n");
      return this.skip();
    }
    for (const path of ["/admin", "/v1/accounts/1"]) assert.equal(await statusOverIpv6(target, path), 0, path);
  });

  it("I13: keep the proxy's administration out of the application's reach", async () => {
    const reached = await inPod(`
      ls /run/picket /var/run/secrets/picket 2>/dev/null
      curl --silent --max-time 2 --unix-socket /run/picket/admin.sock http://x/stats
      grep picket /proc/net/unix
      for port in 15000 15001 15010 9901; do curl --silent --max-time 2 http://127.0.0.1:$port/; done
      true`);
    assert.doesNotMatch(reached.replaceAll(/^.* \/run\/picket\/admin\.sock$/gm, ""), /\S/);
    for (const [port, page] of [
      [15_021, "/ready"],
      [15_090, "/stats/prometheus"],
      [15_020, "/http/8080/healthz"],
    ] as const) {
      const status = async (path: string, more = ""): Promise<string> =>
        inPod(
          `curl --silent --output /dev/null --write-out '%{http_code}' ${more} http://127.0.0.1:${port}${path} || true`,
        );
      assert.equal(await status(page), "200", page);
      for (const other of ["/quitquitquit", "/config_dump", "/admin", "/v1/accounts/1", "/healthcheck/fail"]) {
        for (const method of ["GET", "POST"]) {
          assert.match(await status(other, `--request ${method}`), /^(?:404|503)$/, `${method} ${port} ${other}`);
        }
      }
    }
    assert.equal(await statusOf(`http://${pod.status.podIP}:15021/ready`), 200, "nothing was stopped");
  });

  it("I13: learn nothing of other namespaces from the operator's pages", async () => {
    const selector = "--selector=app.kubernetes.io/component=operator";
    const args = [
      "get",
      "pods",
      "--namespace",
      installNamespace,
      selector,
      "--output=jsonpath={.items[0].status.podIP}",
    ];
    const operator = await cluster.kubectl(args);
    assert.equal(await statusOf(`http://${operator}:15040/metrics`), 200);
    for (const page of ["/status", "/clients"]) {
      assert.equal(await statusOf(`http://${operator}:15040${page}`), 404, page);
    }
  });
});

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly containers: object[] } } };
}

function serviceOf(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector: { app: "accounts" }, ...spec } };
}

/** The address of a pod on its own link, with the link by which the node reaches it: from its hardware address. */
async function linkLocal(address: string): Promise<string | undefined> {
  await statusOf(`http://${address}:8080/healthz`);
  const { stdout: neighbour } = await runCommand(["ip", "neighbour", "show", address]);
  const [, device, hardware] = /dev (\S+) lladdr (\S+)/.exec(neighbour) ?? [];
  if (device === undefined || hardware === undefined) return undefined;
  const bytes = hardware.split(":").map((byte) => Number.parseInt(byte, 16));
  const [a, b, c, d, e, f] = bytes as [number, number, number, number, number, number];
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, (0xfe << 8) | d, (e << 8) | f];
  return `fe80::${words.map((word) => word.toString(16)).join(":")}%${device}`;
}

/** Status of an answer; 0 when there was none. URLs have no links, so fetch cannot ask there. */
function statusOverIpv6(host: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const question = request({ host, port: 8080, path, family: 6, timeout: 3_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    question.on("timeout", () => question.destroy());
    question.on("error", () => resolve(0));
    question.end();
  });
}
