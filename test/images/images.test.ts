import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, globSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildImage, compilePrograms, productVersion, type BuiltImage } from "../../scripts/images/build.ts";
import { canFetchDebian } from "../../scripts/images/debian.ts";
import { imageNames, type ImageName } from "../../scripts/images/root-filesystems.ts";
import { canJail, runJailed, startJailed } from "./jail.ts";

const root = join(import.meta.dirname, "../..");
const scorerUser = "65532:65532";
const proxyUser = "1773:1773";

/** Megabytes that an image may have; a new dependency that doubles one must be seen. */
const sizeMaxMegabytes: Readonly<Record<ImageName, number>> = { operator: 190, scorer: 150, proxy: 125, bank: 140 };

describe("images", function () {
  this.timeout(120_000);
  const built = new Map<ImageName, BuiltImage>();

  before(function () {
    if (process.platform !== "linux" || process.arch !== "x64" || !canFetchDebian()) this.skip();
    compilePrograms(root);
    for (const name of imageNames) built.set(name, buildImage(root, name));
  });

  const folderOf = (name: ImageName): string => built.get(name)!.folder;

  for (const name of imageNames) {
    it(`${name}: the same input makes the same digest, whatever the umask`, () => {
      const before = process.umask(0o077);
      try {
        assert.equal(buildImage(root, name).id, built.get(name)!.id);
      } finally {
        process.umask(before);
      }
    });

    it(`${name}: is not larger than it needs to be`, () => {
      const bytes = lstatSync(built.get(name)!.archive).size;
      assert.ok(bytes < sizeMaxMegabytes[name] * 1e6, `${(bytes / 1e6).toFixed(0)} MB`);
    });

    it(`${name}: holds no shell, no package manager, nothing that changes its user and nothing others may write`, () => {
      const files = globSync("**/*", { cwd: folderOf(name) });
      assert.ok(files.length > 50);
      for (const file of files) {
        assert.doesNotMatch(file, /\/(?:sh|bash|busybox|apt|dpkg|npm|npx|curl|wget|su|mount)$/);
        const facts = lstatSync(join(folderOf(name), file));
        if (!facts.isSymbolicLink()) assert.equal(facts.mode & 0o6022, 0, file);
      }
    });
  }

  it("of operator and scorer differ in the program alone", () => {
    const outside = (name: ImageName): string[] =>
      globSync("{etc,lib,lib64,usr}/**/*", { cwd: folderOf(name) }).toSorted();
    assert.deepEqual(outside("operator"), outside("scorer"));
    const others = globSync("*", { cwd: folderOf("scorer") }).toSorted();
    assert.deepEqual(others, ["etc", "lib", "lib64", "opt", "usr"]);
  });

  it("hold of the product what each program imports, compiled, and no types", () => {
    for (const name of ["operator", "scorer"] as const) {
      const files = globSync("opt/**/*.{ts,map,tsbuildinfo}", { cwd: folderOf(name) });
      assert.deepEqual(files, []);
    }
    assert.ok(existsSync(join(folderOf("operator"), "opt/picket/operator/main.js")));
    assert.ok(!existsSync(join(folderOf("operator"), "opt/picket/sidecar")));
    assert.ok(!existsSync(join(folderOf("scorer"), "opt/picket/operator")));
    assert.ok(!existsSync(join(folderOf("scorer"), "opt/picket/node_modules/@kubernetes")), "65 MB for nothing");
  });

  it("start programs that no signal makes open a debugger", () => {
    const dockerfile = readFileSync(join(root, "images/Dockerfile"), "utf8");
    const starts = dockerfile.match(/^ENTRYPOINT \["\/usr\/bin\/node".*$/gm) ?? [];
    assert.equal(starts.length, imageNames.length - 1);
    for (const start of starts) assert.match(start, /"--disable-sigusr1"/);
  });

  it("say which version they are", () => {
    for (const { reference } of built.values()) assert.match(reference, new RegExp(`:${productVersion(root)}$`));
  });

  it("carry the secrets that the proxy's bootstrap names, watched for swaps", () => {
    for (const [file, name] of [
      ["sds-token.json", "xds_token"],
      ["sds-ca.json", "picket_ca"],
    ]) {
      const text = readFileSync(join(folderOf("proxy"), "etc/picket", file!), "utf8");
      const { resources } = JSON.parse(text) as { resources: { name: string }[] };
      assert.deepEqual(
        resources.map((resource) => resource.name),
        [name],
      );
      assert.match(text, /"watched_directory": \{ "path": "\/var\/run\/secrets\/picket" \}/);
    }
  });

  describe("run from a read-only root as their user", () => {
    before(function () {
      if (!canJail()) this.skip();
    });

    it("scorer: starts and is not ready before policies came", async () => {
      const scorer = startJailed({
        folder: folderOf("scorer"),
        user: scorerUser,
        command: [
          "/usr/bin/node",
          "--disable-warning=ExperimentalWarning",
          "--disable-sigusr1",
          "/opt/picket/sidecar/main.js",
        ],
        environment: {
          PICKET_SCORER_LISTEN: "127.0.0.1:0",
          PICKET_SCORER_STATUS: "127.0.0.1:0",
          PICKET_OPERATOR: "127.0.0.1:1",
          PICKET_LOG_FORMAT: "json",
        },
      });
      let output = "";
      const started = new Promise<string>((resolve, reject) => {
        const take = (bytes: Buffer): void => {
          output += bytes.toString();
          const status = /"status":"([^"]+)"/.exec(output)?.[1];
          if (status !== undefined) resolve(status);
        };
        scorer.stdout?.on("data", take);
        scorer.stderr?.on("data", take);
        scorer.once("exit", () => reject(new Error(output)));
      });
      try {
        const answer = await fetch(`http://${await started}/readyz`);
        assert.equal(answer.status, 503);
        assert.match(await answer.text(), /no policies from the operator yet/);
      } finally {
        scorer.kill("SIGTERM");
      }
      const [code] = (await once(scorer, "exit")) as [number | null];
      assert.equal(code, 0, output);
    });

    it("operator: starts, and says which settings it misses", async () => {
      const { code, output } = await runJailed({
        folder: folderOf("operator"),
        user: scorerUser,
        command: [
          "/usr/bin/node",
          "--disable-warning=ExperimentalWarning",
          "--disable-sigusr1",
          "/opt/picket/operator/main.js",
        ],
      });
      assert.notEqual(code, 0);
      assert.match(output, /PICKET_OPERATOR_LISTEN is not set/);
    });

    it("proxy: Envoy is the one that Picket is tested on", async () => {
      const command = ["/usr/bin/envoy", "--version"];
      const { code, output } = await runJailed({ folder: folderOf("proxy"), user: proxyUser, command });
      assert.equal(code, 0, output);
      assert.match(output, /\/1\.40\.0\//);
    });

    it("proxy: the tool tells how it is used", async () => {
      const command = ["/usr/bin/picket-proxy-tool"];
      const { code, output } = await runJailed({ folder: folderOf("proxy"), user: proxyUser, command });
      assert.notEqual(code, 0);
      assert.match(output, /redirect/);
      assert.match(output, /drain/);
    });

    it("proxy: the tool redirects both families with what the image has", async () => {
      const { code, output } = await runJailed({
        folder: folderOf("proxy"),
        user: "0:0",
        ownNetwork: true,
        environment: { PICKET_CAPTURE_PORT: "15006", PICKET_EXCLUDE: "9090" },
        command: ["/usr/bin/picket-proxy-tool", "redirect"],
      });
      assert.equal(code, 0, output);
      assert.match(output, /IPv4 redirected to 15006 by iptables-nft\nIPv6 redirected to 15006 by ip6tables-nft/);
    });

    for (const command of ["/usr/sbin/iptables", "/usr/sbin/ip6tables"]) {
      it(`proxy: ${command} can write the rules that redirect`, async function () {
        const rule = ["--table", "nat", "--append", "PREROUTING", "--protocol", "tcp", "--match", "multiport"];
        const target = ["!", "--dports", "15020,15021", "--jump", "REDIRECT", "--to-ports", "15006"];
        const { code, output } = await runJailed({
          folder: folderOf("proxy"),
          user: "0:0",
          ownNetwork: true,
          command: [command, "--wait", ...rule, ...target],
        });
        assert.equal(code, 0, output);
      });
    }
  });
});
