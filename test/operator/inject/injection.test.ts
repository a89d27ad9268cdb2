import assert from "node:assert/strict";
import { clusterSettings } from "../../../operator/config.ts";
import { inject } from "../../../operator/inject/inject.ts";
import { injectionSettings } from "../../../operator/inject/injection.ts";
import { injectionPolicies } from "../../../operator/inject/policy.ts";
import { readConfig } from "../../../platform/config.ts";

const environment = {
  PICKET_SOURCE: "kubernetes",
  PICKET_OPERATOR_LISTEN: "0.0.0.0:15010",
  PICKET_SCORER: "picket-scorer.picket-system.svc:15031",
  PICKET_NAMESPACE: "picket-system",
  PICKET_POD: "picket-operator-1",
  PICKET_PROXY_IMAGE: "picket.test/proxy:1",
  PICKET_INJECTION_FAILURE: "Fail",
};
const settingsOf = (changed: NodeJS.ProcessEnv = {}) =>
  injectionSettings(readConfig(clusterSettings, { ...environment, ...changed }));

describe("injectionSettings", () => {
  it("makes of the operator's settings what pods are injected with", () => {
    const { bootstrap, ...settings } = settingsOf();
    assert.deepEqual(
      { ...settings, resources: Object.keys(settings.resources) },
      {
        proxyImage: "picket.test/proxy:1",
        redirectImage: "picket.test/proxy:1",
        imagePullPolicy: "IfNotPresent",
        resources: Object.keys(settings.resources),
        capture: "Redirect",
        drainSeconds: settings.drainSeconds,
        failurePolicy: "Fail",
        ownNamespace: "picket-system",
      },
    );
    assert.match(bootstrap, /"picket-operator\.picket-system\.svc"/);
    assert.match(bootstrap, /"\/run\/picket\/admin\.sock"/);
    assert.doesNotMatch(bootstrap, /PRIVATE|"token":/);
  });

  it("has an image of its own for the redirection where one is named", () => {
    assert.equal(
      settingsOf({ PICKET_REDIRECT_IMAGE: "picket.test/redirect:1" }).redirectImage,
      "picket.test/redirect:1",
    );
  });

  it("refuses resources that are none", () => {
    for (const text of ["[]", "1", "{", '"x"']) assert.throws(() => settingsOf({ PICKET_PROXY_RESOURCES: text }), text);
  });

  it("gives a pod that names no address of the operator but its Service, in arguments that the kubelet leaves whole", () => {
    const namespace = { name: "bank", labels: { "picket.dev/inject": "enabled" }, annotations: {} };
    const pod = { metadata: {}, spec: { containers: [{ name: "app", ports: [{ containerPort: 8080 }] }] } };
    const settings = settingsOf();
    const result = inject(pod, { namespace, settings });
    assert.ok(result.kind === "injected");
    const proxy = result.pod.spec.initContainers?.find(({ name }) => name === "picket-proxy") as unknown as {
      readonly args: readonly string[];
    };
    const expanded = proxy.args.map((text) =>
      text.replaceAll(/\$\$|\$\(([^)]+)\)/g, (found, name?: string) => (found === "$$" ? "$" : `<${name}>`)),
    );
    assert.deepEqual(expanded.slice(0, 4), [
      "--config-yaml",
      settings.bootstrap,
      "--service-node",
      "<POD_NAMESPACE>/<POD_NAME>/<POD_UID>",
    ]);
  });

  it("fits into a policy of the API server", () => {
    const objects = injectionPolicies(settingsOf({ PICKET_PROXY_RESOURCES: '{"requests":{"cpu":0.5}}' }));
    assert.ok(JSON.stringify(objects).length < 200_000);
  });
});
