import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { poll, testImages, type Cluster } from "../cluster.ts";
import { printTally, startLoad, type Load } from "./load.ts";
import {
  addressOfService,
  clusterWithPicket,
  installMs,
  installNamespace,
  podsOf,
  policy,
  ready,
  statusOf,
  waitProgrammed,
  waitReady,
  workload,
  type PodView,
} from "./product.ts";

const injected = { labels: { "picket.dev/inject": "enabled" } };
const soon = { timeoutMs: 60_000 };
const paths = { allowed: "/v1/accounts/1", denied: "/admin" };

/** Statuses with which a request may be refused while something is away. */
const refusals = [403, 503];

describe("what happens to a protected workload", function () {
  this.timeout(240_000);
  let cluster: Cluster;
  let namespace: string;
  let service: string;
  let load: Load | undefined;

  const deleteIn = async (place: string, ...args: string[]): Promise<unknown> =>
    cluster.kubectl(["delete", "--namespace", place, "--wait=false", ...args]);
  const serves = (): Promise<unknown> =>
    poll(async () => (await statusOf(`http://${service}${paths.allowed}`)) === 200, {
      ...soon,
      what: "an allowed answer",
    });

  /** Nothing that is denied was let through, and something was asked. */
  const assertDenied = ({ denied }: Load): void => {
    assert.ok(
      [...denied.statuses.values()].some((count) => count > 10),
      printTally(denied),
    );
    for (const status of denied.statuses.keys()) assert.ok(refusals.includes(status), printTally(denied));
  };
  const assertServed = (run: Load): void => {
    assertDenied(run);
    assert.deepEqual([...run.allowed.statuses.keys()], [200], printTally(run.allowed));
    assert.deepEqual([run.allowed.errors, run.denied.errors], [[], []], printTally(run.allowed));
  };
  const underLoad = async (action: () => Promise<unknown>): Promise<Load> => {
    const run = (load = startLoad(service, paths));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await action();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await run.stop();
    load = undefined;
    return run;
  };

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("life", injected);
    await cluster.apply([...workload({ replicas: 2 }), policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts");
    await waitProgrammed(cluster, namespace, "accounts");
    service = await addressOfService(cluster, namespace, "accounts");
    await serves();
  });
  afterEach(async () => {
    await load?.stop();
    load = undefined;
  });
  after(async () => cluster.removeNamespace(namespace));

  it("a rolling restart under load: no request fails", async () => {
    const run = await underLoad(async () => {
      await cluster.kubectl(["rollout", "restart", "deployment/accounts", "--namespace", namespace]);
      await waitReady(cluster, namespace, "deployment/accounts");
      // The old pods drain after the rollout is called done.
      await poll(async () => (await allPods()) === 2, { ...soon, what: "the end of the old pods" });
    });
    assertServed(run);
  });

  async function allPods(): Promise<number> {
    const args = ["get", "pods", "--namespace", namespace, "--selector=app=accounts", "--output=name"];
    return (await cluster.kubectl(args)).split("\n").filter((line) => line !== "").length;
  }

  it("its sidecar is killed: kubelet starts it anew, the application goes on, nothing gets past", async () => {
    const [{ metadata, status }] = (await podsOf(cluster, namespace, "accounts")) as readonly [PodView];
    const restarts = async (): Promise<readonly number[]> => {
      const pod = (await podsOf(cluster, namespace, "accounts")).find(({ metadata: { uid } }) => uid === metadata.uid);
      const proxy = pod?.status.initContainerStatuses?.find(({ name }) => name === "picket-proxy");
      const app = pod?.status.containerStatuses.find(({ name }) => name === "app");
      return [proxy?.ready === true ? proxy.restartCount : 0, app?.restartCount ?? -1];
    };
    const leaks: number[] = [];
    const ask = async (): Promise<void> => {
      const code = await statusOf(`http://${status.podIP}:8080/admin`);
      if (code !== 0 && !refusals.includes(code)) leaks.push(code);
    };
    const asking = setInterval(() => void ask(), 50);
    try {
      const proxy = status.initContainerStatuses?.find(({ name }) => name === "picket-proxy");
      const container = proxy?.containerID.replace("containerd://", "") ?? "";
      const runtime = ["--address", join(cluster.folder, "containerd.sock"), "--namespace", "k8s.io"];
      execFileSync("ctr", [...runtime, "tasks", "kill", "--signal", "SIGKILL", container]);
      await poll(async () => (await restarts())[0] === 1, { ...soon, what: "the sidecar back" });
    } finally {
      clearInterval(asking);
    }
    assert.deepEqual(await restarts(), [1, 0]);
    assert.deepEqual(leaks, []);
    await serves();
  });

  it("one of two scorers is killed under load: nothing denied gets through, and all is well again", async () => {
    const run = await underLoad(async () => {
      const [pod] = await names("scorer");
      await deleteIn(installNamespace, `pod/${pod}`, "--grace-period=0", "--force");
      await ready(cluster);
    });
    assertDenied(run);
    await serves();
  });

  it("all scorers are killed: an enforced workload refuses everything, and serves again with them", async () => {
    const run = await underLoad(async () => {
      await cluster.kubectl(["scale", "deployment/picket-scorer", "--namespace", installNamespace, "--replicas=0"]);
      await poll(async () => (await statusOf(`http://${service}${paths.allowed}`)) === 503, { ...soon, what: "503" });
      await cluster.kubectl(["scale", "deployment/picket-scorer", "--namespace", installNamespace, "--replicas=2"]);
      await ready(cluster);
      await serves();
    });
    assertDenied(run);
    assert.ok((run.allowed.statuses.get(503) ?? 0) > 0);
  });

  it("the operator is killed, all of it: running traffic does not notice, and a change comes through after", async () => {
    const run = await underLoad(async () => {
      for (const pod of await names("operator")) {
        await deleteIn(installNamespace, `pod/${pod}`, "--grace-period=0", "--force");
      }
      await ready(cluster);
    });
    assertServed(run);
    const access = { default: "Deny", rules: [{ name: "v2", match: [{ path: "/v2/**" }], effect: "Allow" }] };
    await cluster.apply([policy("accounts", { access })], namespace);
    await poll(async () => (await statusOf(`http://${service}/v2/x`)) === 200, { ...soon, what: "the changed policy" });
    await cluster.apply([policy()], namespace);
    await serves();
  });

  it("the API server is away: running traffic does not notice", async () => {
    const run = await underLoad(async () => {
      cluster.programs.signal("kube-apiserver", "SIGSTOP");
      try {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      } finally {
        cluster.programs.signal("kube-apiserver", "SIGCONT");
      }
    });
    assertServed(run);
  });

  it("a Job with a sidecar completes", async () => {
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "report" },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: "Never",
            containers: [
              {
                name: "report",
                image: testImages.tools,
                args: ["-c", `curl --silent --fail http://accounts.${namespace}.svc${paths.allowed}`],
              },
            ],
          },
        },
      },
    };
    await cluster.apply([job], namespace);
    await cluster.kubectl([
      "wait",
      "--namespace",
      namespace,
      "--for=condition=Complete",
      "job/report",
      "--timeout=90s",
    ]);
    const log = await cluster.kubectl(["logs", "--namespace", namespace, "job/report", "--container=report"]);
    assert.match(log, /"account":"1"/);
  });

  async function names(component: string): Promise<readonly string[]> {
    const selector = `app.kubernetes.io/component=${component}`;
    const args = ["get", "pods", "--namespace", installNamespace, `--selector=${selector}`];
    return (await cluster.kubectl([...args, "--output=jsonpath={.items[*].metadata.name}"])).split(" ");
  }
});
