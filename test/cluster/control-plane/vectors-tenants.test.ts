import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterStartMs, startCluster, type Cluster } from "../cluster.ts";
import { Unavailable } from "../rig/unavailable.ts";
import { goodObjects } from "../../crds/bad-objects.ts";
import { ask } from "../stand/asker.ts";
import { policyFor } from "../stand/policy.ts";
import { isImplied, rightsOf, rulesFor } from "../stand/rights.ts";
import { installNamespace, Stand, type Proxy, type Thing } from "../stand/stand.ts";
import { askForConfiguration, check } from "../stand/strangers.ts";

const group = "/apis/picket.dev/v1alpha1";
const merge = "application/merge-patch+json";
const rbac = "/apis/rbac.authorization.k8s.io/v1";

/** In which an edit of what the operator writes is put right. */
const revertMs = 10_000;
/** In which a namespace goes while nobody of ours runs. */
const namespaceMs = 60_000;
/** Policies of one tenant in a flood, and how many of them are on their way at a time. */
const flood = 1_000;
const abreast = 12;
/** A policy that comes and goes so often in a second, for so long. */
const flapsPerSecond = 50;
const flapMs = 5_000;
/** Times in a second that a scorer may be given something new. */
const publicationsPerSecondMax = 5;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly apiGroup?: string; readonly resource: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

describe("a tenant who may write policies in a namespace of its own", function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let stand: Stand;
  let bank: string;
  let tenant: string;
  let proxy: Proxy;
  let serial = 0;

  before(async function () {
    this.timeout(2 * clusterStartMs);
    cluster = await startCluster({ node: false });
    try {
      stand = await Stand.start(cluster);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      process.stderr.write(`${error.message}\n`);
      this.skip();
    }
    await stand.startOperator(1);
    await stand.startScorer();
    bank = await stand.namespace("bank");
    tenant = await stand.namespace("tenant-b");
    proxy = await stand.startProxy(bank, "accounts");
    await cluster.apply([policyFor("accounts", "/open")], bank);
    await stand.untilStatus(proxy, "/open", 200);
    await stand.untilStatus(proxy, "/closed", 403);
  });
  after(async function () {
    this.timeout(clusterStartMs);
    await stand?.stop();
    await cluster?.stop();
  });

  /** What a tenant does changes nothing for others: what they deny stays denied, what they allow stays allowed. */
  async function unharmed(deed: () => Promise<void>): Promise<void> {
    const asker = ask(stand, proxy);
    try {
      await deed();
    } finally {
      await asker.stop();
    }
    assert.deepEqual([...asker.closed.keys()], [403], JSON.stringify([...asker.closed]));
    assert.deepEqual([...asker.open.keys()], [200], JSON.stringify([...asker.open]));
  }

  async function follows(): Promise<void> {
    const path = `/new-${serial++}`;
    await cluster.apply([policyFor("accounts", "/open", path)], bank);
    await stand.untilStatus(proxy, path, 200);
  }

  const policies = (namespace: string): string => `${group}/namespaces/${namespace}/apipolicies`;

  async function conditions(name: string): Promise<readonly Condition[]> {
    return stand.get(`a status of ${name}`, async () => {
      const status = (await stand.read(`${policies(tenant)}/${name}`))?.["status"] as
        { readonly conditions?: readonly Condition[] } | undefined;
      return status?.conditions;
    });
  }

  const allowAll = { default: "Allow" };

  it("J01: cannot name a workload elsewhere, and learns nothing of what is there", async () => {
    await unharmed(async () => {
      for (const name of ["accounts", "nowhere"]) {
        const targetRefs = [{ group: "apps", kind: "Deployment", name }];
        const body = { metadata: { name: `for-${name}` }, spec: { targetRefs, mode: "Enforce", access: allowAll } };
        const object = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", ...body };
        assert.equal((await cluster.call("POST", policies(tenant), { body: object })).status, 201);
      }
      const told = async (name: string): Promise<string> =>
        (await conditions(`for-${name}`))
          .map(({ type, status, reason, message }) => `${type} ${status} ${reason} ${message}`)
          .join("\n")
          .replaceAll(name, "NAME");
      assert.equal(await told("accounts"), await told("nowhere"));
      await follows();
    });
  });

  it("J02: reaches no further than its namespace with a selection of everything", async () => {
    await unharmed(async () => {
      const specs = [
        {},
        { selector: { matchLabels: {} } },
        { selector: { matchLabels: { app: "accounts" } } },
        { targetRefs: [{ kind: "Namespace", name: tenant }] },
      ];
      for (const [index, spec] of specs.entries()) {
        const object = {
          apiVersion: "picket.dev/v1alpha1",
          kind: "ApiPolicy",
          metadata: { name: `wide-${index}` },
          spec: { ...spec, mode: "Enforce", access: allowAll },
        };
        const { status } = await cluster.call("POST", policies(tenant), { body: object });
        assert.ok(status === 201 || status === 422, String(status));
      }
      await follows();
    });
    await cluster.call("DELETE", policies(tenant));
  });

  it("J06: characters of patterns in paths and names stand for themselves", async () => {
    await unharmed(async () => {
      const paths = ["/a.b/{id}", "/a+b/{id}", "/(c)/{id}", "/v$/{id}", "/x%2A/{id:int}"];
      await cluster.apply([policyFor("accounts", "/open", ...paths)], bank);
      for (const path of ["/a.b/1", "/a+b/1", "/(c)/1", "/v$/1", "/x%2A/1"]) await stand.untilStatus(proxy, path, 200);
      for (const path of ["/axb/1", "/aab/1", "/ab/1", "/c/1", "/v/1", "/xx/1", "/x/1"]) {
        assert.equal(await stand.status(proxy, path), 403, path);
      }
    });
  });

  it("J09: a status that somebody wrote is corrected, and opens nothing", async () => {
    const path = `${policies(bank)}/accounts`;
    await unharmed(async () => {
      const lie = {
        mode: "Observe",
        conditions: [
          {
            type: "Programmed",
            status: "False",
            reason: "Pending",
            message: "a lie",
            lastTransitionTime: "2020-01-01T00:00:00Z",
          },
        ],
        proxies: { current: 9, total: 9, rejected: 0, summary: "9/9" },
      };
      const answer = await cluster.call("PATCH", `${path}/status`, { body: { status: lie }, contentType: merge });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      await stand.until("the truth again", async () => {
        const status = (await stand.read(path))?.["status"] as { mode?: string; proxies?: { total: number } };
        return status.mode === "Enforce" && status.proxies?.total === 1 && !JSON.stringify(status).includes("a lie");
      });
      await follows();
    });
  });

  it("J10: what the operator wrote and somebody changed or deleted is as before within ten seconds", async () => {
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const own = `/api/v1/namespaces/${installNamespace}`;
    const objects: readonly (readonly [path: string, edit: object])[] = [
      [`/api/v1/namespaces/${bank}/configmaps/picket-trust`, { data: { "ca.crt": "mine" } }],
      [`${own}/configmaps/picket-trust`, { data: { "ca.crt": "mine" } }],
      [`${admission}/mutatingadmissionpolicies/picket-injection`, { spec: { failurePolicy: "Ignore" } }],
      [`${admission}/mutatingadmissionpolicybindings/picket-injection-namespace`, { spec: { matchResources: null } }],
      [`${admission}/validatingadmissionpolicies/picket-injection`, { spec: { failurePolicy: "Ignore" } }],
    ];
    const certificates = ["picket-operator-tls", "picket-scorer-tls"].map((name) => `${own}/secrets/${name}`);
    const meaning = async (path: string): Promise<string> => {
      const object = await stand.read(path);
      return JSON.stringify([object?.["data"], object?.["spec"]]);
    };
    await unharmed(async () => {
      const spoil = async (path: string, edit: object): Promise<void> => {
        const before = await meaning(path);
        assert.equal((await cluster.call("PATCH", path, { body: edit, contentType: merge })).status, 200, path);
        assert.notEqual(await meaning(path), before, path);
        await stand.until(`${path} as before`, async () => (await meaning(path)) === before, revertMs);
        assert.equal((await cluster.call("DELETE", path)).status, 200, path);
        await stand.until(`${path} made anew`, async () => (await meaning(path)) === before, revertMs);
      };
      await Promise.all(objects.map(([path, edit]) => spoil(path, edit)));
      // Certificates of nobody are replaced by others.
      for (const path of certificates) {
        const data = { "tls.crt": "", "tls.key": "" };
        assert.equal((await cluster.call("PATCH", path, { body: { data }, contentType: merge })).status, 200);
        await stand.until(
          `${path} as before`,
          async () => JSON.stringify(await stand.read(path)).includes("LS0t"),
          revertMs,
        );
      }
    });
  });

  it("J11: owners and finalizers of a tenant neither take our objects away nor hold its namespace", async () => {
    const [replica] = stand.replicas;
    const path = `/api/v1/namespaces/${bank}/configmaps/picket-trust`;
    await unharmed(async () => {
      const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "gone", uid: "1b4e28ba-2fa1-11d2-883f" }];
      const uid = (await stand.read(path))?.metadata.uid;
      await cluster.call("PATCH", path, { body: { metadata: { ownerReferences } }, contentType: merge });
      await stand.until("another one in its place", async () => {
        const found = await stand.read(path);
        return found !== undefined && found.metadata.uid !== uid;
      });
    });
    const name = await cluster.namespace("short", { labels: { "picket.dev/inject": "enabled" } });
    await cluster.apply([policyFor("any", "/open")], name);
    await stand.get("its trust bundle", () => stand.read(`/api/v1/namespaces/${name}/configmaps/picket-trust`));
    await unharmed(async () => {
      await stand.end(replica!.child);
      await cluster.removeNamespace(name);
      const gone = async (): Promise<boolean> =>
        (await cluster.call("GET", `/api/v1/namespaces/${name}`)).status === 404;
      await stand.until(`${name} to be gone`, gone, namespaceMs);
      await stand.startOperator(1);
      await follows();
    });
  });

  it("J12: thousands of policies in a minute do not hold others up", async () => {
    await unharmed(async () => {
      let made = 0;
      let followed = 0;
      const isMade = (): boolean => made >= flood;
      const targets = (index: number): object[] => [{ group: "apps", kind: "Deployment", name: `none-${index}` }];
      const writers = Array.from({ length: abreast }, async () => {
        for (;;) {
          const index = made++;
          if (index >= flood) return;
          const spec = { targetRefs: targets(index), access: { default: "Deny" } };
          const object = {
            apiVersion: "picket.dev/v1alpha1",
            kind: "ApiPolicy",
            metadata: { name: `p-${index}` },
            spec,
          };
          assert.equal((await cluster.call("POST", policies(tenant), { body: object })).status, 201);
        }
      });
      const others = (async () => {
        do {
          await follows();
          followed++;
        } while (!isMade());
      })();
      await Promise.all([...writers, others]);
      assert.ok(followed > 0);
      await follows();
    });
    await cluster.call("DELETE", policies(tenant));
    await stand.until("none of them", async () => (await stand.list(`${policies(tenant)}?limit=1`)).length === 0);
    await follows();
  });

  it("J13: a policy that comes and goes many times a second is followed at a bounded pace", async () => {
    await cluster.apply([policyFor("accounts", "/open")], bank);
    const publications = (): number => stand.output.split('policies applied program="scorer"').length;
    const before = publications();
    await unharmed(async () => {
      const end = performance.now() + flapMs;
      for (let round = 0; performance.now() < end; round++) {
        const spec = {
          targetRefs: [{ kind: "Namespace", name: tenant }],
          mode: "Enforce",
          access: { default: "Deny" },
        };
        const object = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", metadata: { name: "flap" }, spec };
        if (round % 2 === 0) await cluster.call("POST", policies(tenant), { body: object });
        else await cluster.call("DELETE", `${policies(tenant)}/flap`);
        await sleep(1000 / flapsPerSecond);
      }
    });
    assert.ok(publications() - before <= (publicationsPerSecondMax * flapMs) / 1000, String(publications() - before));
    await cluster.call("DELETE", `${policies(tenant)}/flap`);
    await follows();
  });

  it("J14: names that mean something to a program mean nothing here", async () => {
    const names = ["default", "constructor", "prototype", "tostring", "valueof", "hasownproperty", "a".repeat(253)];
    await unharmed(async () => {
      for (const name of names) {
        const targets = [{ group: "apps", kind: "Deployment", name: name.slice(0, 63) }];
        const spec = {
          targetRefs: targets,
          access: {
            default: "Deny",
            rules: [{ name: name.slice(0, 63), match: [{ path: "/{constructor}" }], effect: "Allow" }],
          },
        };
        const object = {
          apiVersion: "picket.dev/v1alpha1",
          kind: "ApiPolicy",
          metadata: { name, labels: { constructor: "valueof" }, annotations: { __proto__: "x" } },
          spec,
        };
        const { status, body } = await cluster.call("POST", policies(tenant), { body: object });
        assert.ok(status === 201 || status === 422, `${name}: ${status} ${JSON.stringify(body)}`);
        if (status !== 201) continue;
        const found = await conditions(name);
        assert.equal(found.find(({ type }) => type === "Accepted")?.status, "False", name);
      }
      await follows();
    });
    await cluster.call("DELETE", policies(tenant));
  });

  it("J20: a pod that is relabelled while it runs obeys every policy to come", async () => {
    const path = `/api/v1/namespaces/${bank}/pods/${proxy.pod.metadata.name}`;
    const relabel = async (labels: object, annotation: string | null): Promise<void> => {
      const body = { metadata: { labels, annotations: { "picket.dev/not-injected": annotation } } };
      assert.equal((await cluster.call("PATCH", path, { body, contentType: merge })).status, 200);
    };
    /** The proxy itself has to know of a bound for bodies. */
    const bounded = async (maxBodyBytes: number, status: number): Promise<void> => {
      const policy = policyFor("accounts", "/open") as { readonly spec: object };
      await cluster.apply([{ ...policy, spec: { ...policy.spec, guards: { maxBodyBytes } } }], bank);
      await stand.until(`a body to be answered with ${status}`, async () => {
        const answer = await fetch(`http://127.0.0.1:${proxy.port}/closed`, { method: "POST", body: "x".repeat(100) });
        await answer.body?.cancel();
        return answer.status === status;
      });
    };
    await unharmed(async () => {
      await bounded(1_000, 403);
      await relabel({ "picket.dev/injected": null, "picket.dev/inject": "false" }, "a lie");
      await bounded(10, 413);
      await relabel({ "picket.dev/injected": "true", "picket.dev/inject": null }, null);
      await bounded(1_000, 403);
    });
  });

  it("J21: texts with escapes, markup and templates come out of status, events and logs as they must", async () => {
    const texts = [
      "\u001b[31mred",
      "a\r\nlevel=fatal",
      "<script>alert(1)</script>",
      "{{ .Values }}",
      'x"} 1\npicket_up 1',
    ];
    const from = stand.output.length;
    await unharmed(async () => {
      for (const [index, text] of texts.entries()) {
        const spec = {
          targetRefs: [{ group: "apps", kind: "Deployment", name: "none" }],
          access: {
            default: "Deny",
            rules: [
              {
                name: "r",
                match: [{ path: "/a" }],
                effect: "Allow",
                require: { claims: [{ name: text, in: [text] }] },
                when: `request.path == ${JSON.stringify(text)} && ${JSON.stringify(text)} < 1`,
              },
            ],
          },
        };
        const metadata = { name: `text-${index}`, annotations: { "example.com/text": text } };
        const object = { apiVersion: "picket.dev/v1alpha1", kind: "ApiPolicy", metadata, spec };
        const { status, body } = await cluster.call("POST", policies(tenant), { body: object });
        if (status !== 201) {
          assert.equal(status, 422, JSON.stringify(body));
          continue;
        }
        const told = await conditions(metadata.name);
        // oxlint-disable-next-line no-control-regex
        for (const { message } of told) assert.doesNotMatch(message, /[\u0000-\u001f\u007f]/);
      }
      await follows();
    });
    const events = await stand.list(`/apis/events.k8s.io/v1/namespaces/${tenant}/events`);
    for (const event of events) {
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(String(event["note"]), /[\u0000-\u001f\u007f]/);
    }
    const lines = stand.output.slice(from);
    assert.ok(!lines.includes("\u001b"));
    assert.doesNotMatch(lines, /^level=fatal/m);
    const metrics = await stand.page(stand.replicas[0]!.host, 15_040, "/metrics");
    assert.doesNotMatch(metrics, /^picket_up 1/m);
    await cluster.call("DELETE", policies(tenant));
  });

  it("I12: a pod that came in while nobody injected is counted and told of", async () => {
    const [replica] = stand.replicas;
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const pods = `/api/v1/namespaces/${tenant}/pods`;
    await unharmed(async () => {
      await stand.end(replica!.child);
      for (const kind of ["mutating", "validating"]) {
        for (const name of ["namespace", "pod"]) {
          const path = `${admission}/${kind}admissionpolicybindings/picket-injection-${name}`;
          assert.equal((await cluster.call("DELETE", path)).status, 200);
        }
      }
      const spec = { containers: [{ name: "app", image: "picket.test/application:1" }] };
      const bare = async (): Promise<boolean> => {
        await cluster.call("DELETE", `${pods}/bare?gracePeriodSeconds=0`);
        const { status, body } = await cluster.call("POST", pods, { body: { metadata: { name: "bare" }, spec } });
        return status === 201 && (body as Thing).metadata.labels?.["picket.dev/injected"] === undefined;
      };
      await stand.until("a pod without a sidecar", bare);
      const again = await stand.startOperator(1);
      await stand.until("the count", async () => {
        return /^picket_unprotected_pods\{reason="missed"\} 1$/m.test(await stand.page(again.host, 15_040, "/metrics"));
      });
      await stand.until("an event", async () => {
        const events = await stand.list(`/apis/events.k8s.io/v1/namespaces/${tenant}/events`);
        return events.some(({ reason, regarding }) => {
          return reason === "Unprotected" && (regarding as { readonly name: string }).name === "bare";
        });
      });
    });
    await cluster.call("DELETE", `${pods}/bare?gracePeriodSeconds=0`);
  });

  it("I13: ports of the product show health and metrics to anybody, and nothing else", async () => {
    const operator = stand.replicas[0]!.host;
    const shown: readonly (readonly [host: string, port: number, path: string])[] = [
      [proxy.pages, 15_021, "/ready"],
      [proxy.pages, 15_090, "/stats/prometheus"],
      [operator, 15_040, "/metrics"],
      [operator, 15_040, "/readyz"],
      [stand.scorerHost, 15_030, "/metrics"],
      [stand.scorerHost, 15_030, "/readyz"],
    ];
    const administration = ["/config_dump", "/quitquitquit", "/logging?level=debug", "/clusters", "/certs", "/runtime"];
    const status = async (host: string, port: number, path: string, method = "GET"): Promise<number> => {
      const answer = await fetch(`http://${host}:${port}${path}`, { method, signal: AbortSignal.timeout(5_000) });
      await answer.body?.cancel();
      return answer.status;
    };
    for (const [host, port, path] of shown) {
      assert.equal(await status(host, port, path), 200, path);
      for (const method of ["POST", "PUT", "DELETE"]) {
        assert.ok((await status(host, port, path, method)) >= 400, `${method} ${port} ${path}`);
      }
      for (const other of [...administration, `${path}/../config_dump`, "//config_dump", "/debug/pprof", "/%2e%2e/"]) {
        assert.ok((await status(host, port, other)) >= 400, `${port} ${other}`);
        assert.ok((await status(host, port, other, "POST")) >= 400, `POST ${port} ${other}`);
      }
    }
    const metrics = await stand.page(operator, 15_040, "/metrics");
    assert.doesNotMatch(metrics, /BEGIN|eyJ/);
  });

  it("I13, J23: who has no token gets no configuration, and the pod of another not that of this one", async () => {
    const ca = await stand.authorities(tenant);
    const { name, uid } = proxy.pod.metadata;
    const id = `${bank}/${name}/${uid}`;
    const own = await stand.startProxy(tenant, "own");
    const pod = { name: own.pod.metadata.name, uid: own.pod.metadata.uid };
    const account = { namespace: tenant, name: "default" };
    const tokens: readonly (readonly [title: string, token: string | undefined])[] = [
      ["no token", undefined],
      ["nonsense", "nonsense"],
      ["a token of the API server", await cluster.token(account)],
      ["a token without a pod", await cluster.token(account, { audiences: ["picket-xds"] })],
      ["a token of another pod", await cluster.token(account, { audiences: ["picket-xds"], pod })],
      ["a scorer's audience", await cluster.token(account, { audiences: ["picket-scorer"], pod })],
    ];
    for (const [title, token] of tokens) {
      for (const kind of ["picket-proxy", "picket-scorer"]) {
        const told = await askForConfiguration(stand.replicas[0]!.host, { ca, token, id, kind });
        assert.equal(told.answers, 0, `${title} as ${kind}`);
        assert.ok(told.status === 16 || told.status === 7, `${title} as ${kind}: ${told.status}`);
      }
    }
  });

  it("I15: a question to the scorer by somebody who is no proxy is not answered with an allow, and teaches nothing", async () => {
    const ca = await stand.authorities(tenant);
    const decisions = async (): Promise<readonly string[]> =>
      (await stand.page(stand.scorerHost, 15_030, "/metrics")).match(/^picket_decisions_total.*$/gm) ?? [];
    await sleep(1_000);
    const before = await decisions();
    for (const contextExtensions of [{}, { workload: `${bank}/accounts` }, { "picket-policy": "accounts" }]) {
      const question = {
        attributes: {
          contextExtensions,
          request: { http: { method: "GET", path: "/open", host: "accounts", scheme: "http", protocol: "HTTP/1.1" } },
        },
      };
      const answer = await check(stand.scorerHost, ca, question);
      assert.notEqual(answer?.status?.code, 0, JSON.stringify(answer));
    }
    assert.deepEqual(await decisions(), before);
  });

  it("J28: the operator may do what it does, and does what it may; the scorer may do nothing", async () => {
    const identity = goodObjects.find(({ kind }) => kind === "ClusterApiIdentity")?.spec;
    const further = [
      { kind: "ApiIdentity", spec: identity },
      { kind: "ClusterApiPolicy", spec: { namespaces: ["nowhere"] } },
    ];
    const places = placesOf(tenant);
    for (const { kind, spec } of [...goodObjects, ...further]) {
      const path = places[kind]!;
      const name = kind === "PicketConfig" ? "default" : "touched";
      const object = { apiVersion: "picket.dev/v1alpha1", kind, metadata: { name }, spec };
      const answer = await cluster.call("POST", path, { body: object });
      assert.equal(answer.status, 201, `${kind}: ${JSON.stringify(answer.body)}`);
      await stand.until(`a status of ${kind}`, async () => {
        const status = (await stand.read(`${path}/${name}`))?.["status"] as { conditions?: unknown[] } | undefined;
        return status?.conditions !== undefined;
      });
      await cluster.call("DELETE", `${path}/${name}`);
    }
    await follows();
    const role = await stand.read(`${rbac}/namespaces/${installNamespace}/roles/picket-operator`);
    const clusterRole = await stand.read(`${rbac}/clusterroles/picket-operator`);
    const granted = new Set([...rightsOf(role), ...rightsOf(clusterRole)]);

    const account = `system:serviceaccount:${installNamespace}:picket-operator`;
    const events = cluster.auditEvents() as readonly AuditEvent[];
    const mine = events.filter(({ user, objectRef }) => user.username === account && objectRef !== undefined);
    const refused = mine.filter(({ responseStatus }) => responseStatus?.code === 403);
    assert.deepEqual(refused, [], "calls without a right");
    const used = new Set(
      mine.map(({ verb, objectRef }) => {
        const { apiGroup = "", resource, subresource } = objectRef!;
        return `${verb} ${apiGroup}/${resource}${subresource === undefined ? "" : `/${subresource}`}`;
      }),
    );
    const unused = [...granted].filter((right) => !used.has(right) && !isImplied(right, used));
    assert.deepEqual(unused, [], "rights that no call needs");
    assert.deepEqual(
      [...used].filter((call) => !granted.has(call)),
      [],
      "calls that no rule of ours allows",
    );

    const everybody = await rulesFor(stand, { namespace: tenant, name: "default" }, installNamespace);
    const operator = await rulesFor(stand, { namespace: installNamespace, name: "picket-operator" }, installNamespace);
    assert.deepEqual(new Set([...operator].filter((right) => !everybody.has(right))), granted);
    const scorer = await rulesFor(stand, { namespace: installNamespace, name: "picket-scorer" }, installNamespace);
    assert.deepEqual(scorer, everybody);
  });
});

/** Where objects of each kind are. */
function placesOf(namespace: string): Readonly<Record<string, string>> {
  const inNamespace = (plural: string): string => `${group}/namespaces/${namespace}/${plural}`;
  return {
    ApiPolicy: inNamespace("apipolicies"),
    ClusterApiPolicy: `${group}/clusterapipolicies`,
    ApiIdentity: inNamespace("apiidentities"),
    ClusterApiIdentity: `${group}/clusterapiidentities`,
    ApiService: inNamespace("apiservices"),
    ApiBlock: inNamespace("apiblocks"),
    ApiGrant: inNamespace("apigrants"),
    PicketConfig: `${group}/picketconfigs`,
  };
}
