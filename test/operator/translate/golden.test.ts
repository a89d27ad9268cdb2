import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderJson } from "../../../operator/translate/envoy/any.ts";
import { bootstrap } from "../../../operator/translate/envoy/bootstrap.ts";
import type { EnvoyResources } from "../../../operator/translate/resource.ts";
import { translateClosed, translateInstall, translateWorkload } from "../../../operator/translate/translate.ts";
import { accounts, cases, install, manyRules } from "../../golden/translate/cases.ts";
import { bootstrapInline } from "./on-files.ts";
import { envoyOrSkip } from "./rig.ts";

const folder = join(import.meta.dirname, "../../golden/translate");
const shared = translateInstall({
  scorer: { kind: "socket", path: "/run/picket/scorer.sock" },
  accessLog: { kind: "address", host: "127.0.0.1", port: 9002 },
});
const bootResource = bootstrap({
  node: { id: "bank/accounts", cluster: "bank" },
  admin: { kind: "address", host: "127.0.0.1", port: 15_000 },
  xds: { kind: "socket", path: "/run/picket/xds.sock" },
});
const closed = translateClosed(accounts, install);

/** Compares with the golden file, or writes it with PICKET_GOLDEN=write. */
function matchesGolden(file: string, value: unknown): void {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  const path = join(folder, file);
  if (process.env.PICKET_GOLDEN === "write") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"), `${file} differs; PICKET_GOLDEN=write rewrites it`);
}

function readable(resources: EnvoyResources): unknown {
  const print = (resource: EnvoyResources["routes"][number]) => ({
    name: resource.name,
    version: resource.version,
    resource: renderJson(resource),
  });
  return {
    listeners: resources.listeners.map(print),
    clusters: resources.clusters.map(print),
    routes: resources.routes.map(print),
    extensions: resources.extensions.map(print),
  };
}

describe("translateWorkload, golden files", () => {
  for (const one of cases) {
    it(`gives what ${one.name}.*.json say`, () => {
      const translation = translateWorkload(one.policy, one.install, { keys: one.keys });
      matchesGolden(`${one.name}.envoy.json`, readable(translation.envoy));
      const { revision, canaryPath, plan, problems } = translation;
      matchesGolden(`${one.name}.scorer.json`, {
        revision,
        canaryPath,
        plan,
        problems,
        version: translation.scorer.version,
        policy: renderJson(translation.scorer),
      });
    });
  }

  it("gives what closed.envoy.json, install.envoy.json and bootstrap.json say", () => {
    matchesGolden("closed.envoy.json", readable(closed));
    matchesGolden("install.envoy.json", readable(shared));
    matchesGolden("bootstrap.json", renderJson(bootResource));
  });

  it("gives the versions in thousand-rules.json for a thousand rules", () => {
    const { envoy, scorer } = translateWorkload(manyRules(1000), install, { keys: new Map() });
    matchesGolden("thousand-rules.json", {
      listeners: envoy.listeners.map((one) => one.version),
      routes: envoy.routes.map((one) => ({ version: one.version, bytes: one.bytes.length })),
      extensions: envoy.extensions.map((one) => one.version),
      scorer: { version: scorer.version, bytes: scorer.bytes.length },
    });
  });
});

describe("translateWorkload, Envoy's own validation", () => {
  const inputs: readonly (readonly [string, () => unknown])[] = [
    ...cases.map(({ name, policy, install: config, keys }) => {
      return [name, () => bootstrapInline([shared, translateWorkload(policy, config, { keys }).envoy])] as const;
    }),
    ["closed", () => bootstrapInline([shared, closed])],
    [
      "a thousand rules",
      () => bootstrapInline([shared, translateWorkload(manyRules(1000), install, { keys: new Map() }).envoy]),
    ],
    ["the bootstrap", () => renderJson(bootResource)],
  ];

  for (const [name, build] of inputs) {
    it(`accepts ${name} without a warning`, function () {
      const envoy = envoyOrSkip(this);
      const place = mkdtempSync(join(tmpdir(), "picket-validate-"));
      const file = join(place, "envoy.json");
      writeFileSync(file, JSON.stringify(build()));
      const run = spawnSync(envoy, ["--mode", "validate", "--config-path", file, "--log-level", "warning"], {
        encoding: "utf8",
      });
      rmSync(place, { recursive: true });
      assert.equal(run.status, 0, run.stderr);
      assert.equal(run.stderr, "");
    });
  }
});
