import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { cacheFolder, findEnvoy } from "../../../platform/envoy-binary.ts";
import { writeArchive } from "../../../scripts/images/archive.ts";
import { buildImage, compilePrograms } from "../../../scripts/images/build.ts";
import { parseDockerfile, type ImageTarget } from "../../../scripts/images/dockerfile.ts";
import { imageNames } from "../../../scripts/images/root-filesystems.ts";
import { Tree } from "../../../scripts/images/tree.ts";
import { combineArchives } from "./combine.ts";
import { succeed } from "./command.ts";
import { keepNewest } from "./keep-newest.ts";
import { takeLock } from "./lock.ts";
import { pauseImage } from "./node.ts";

/** Images for pods of tests, beside the product's own. */
export const testImages = {
  /** test/cluster/images/application.ts on port 8080, as user 10001. */
  application: "picket.test/application:1",
  /** busybox and curl, as root, with a shell. */
  tools: "picket.test/tools:1",
} as const;

const packTimeoutMs = 5 * 60_000;
const root = join(import.meta.dirname, "../../..");
const busybox = "/bin/busybox";
const curl = "/usr/bin/curl";
const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * One archive with all images of a node: the product's, made from its sources, and those of the tests. It is kept in
 * the cache, and made again when anything has changed that goes into it.
 */
export async function ensureImages(environment: NodeJS.ProcessEnv): Promise<string> {
  // Two runs in one working copy would pack each other's folders half made.
  const lock = await takeLock(`images-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`, {
    timeoutMs: packTimeoutMs,
    onWait: () => {},
  });
  try {
    compilePrograms(root);
    const cache = imageCache(environment);
    const file = join(cache, `all-${keyOfAll(environment)}.tar`);
    const others = await ensureTestImages(environment);
    if (!existsSync(file)) {
      const own = imageNames.map((name) => buildImage(root, name).archive);
      combineArchives([...others, application(), ...own], `${file}.next`);
      renameSync(`${file}.next`, file);
    }
    keepNewest(cache, /^all-[0-9a-f]+\.tar$/, file);
    return file;
  } finally {
    await lock.release();
  }
}

/** Everything that images are made of: compiled programs, packages, Dockerfile, what packs them, Envoy. */
function keyOfAll(environment: NodeJS.ProcessEnv): string {
  const patterns = [
    "build/{core,platform,protos,operator,sidecar,examples,cli}/**/*.js",
    "{images,scripts/images,test/cluster/images,examples}/**/*",
    "package-lock.json",
    "test/cluster/rig/images.ts",
  ];
  const hash = createHash("sha256");
  const files = globSync(patterns, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map((entry) => join(entry.parentPath, entry.name)).toSorted()) {
    hash.update(`${relative(root, file)}\n`).update(readFileSync(file));
  }
  const envoy = findEnvoy(environment);
  if (envoy !== undefined) hash.update(`${envoy} ${statSync(envoy).size} ${statSync(envoy).mtimeMs}`);
  for (const file of [busybox, curl]) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function imageCache(environment: NodeJS.ProcessEnv): string {
  const cache = join(cacheFolder(environment), "cluster/images");
  mkdirSync(cache, { recursive: true });
  return cache;
}

/** Archives of the images that need nothing of the product, made once and kept in the cache. */
export async function ensureTestImages(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const cache = imageCache(environment);
  return [pause(cache), await tools(cache)];
}

/** Holds the namespaces of a pod; containerd kills it when the pod goes. */
function pause(cache: string): string {
  return cached(cache, pauseImage, [busybox], (folder) => {
    new Tree(folder).copy(busybox, "/busybox", "program");
    return image({ entrypoint: ["/busybox", "sleep", "100000d"] });
  });
}

async function tools(cache: string): Promise<string> {
  const linked = (await succeed(["ldd", curl])).matchAll(/(\/\S+) \(0x/g);
  const libraries = [...new Set([...linked].map(([, file = ""]) => file))];
  const applets = (await succeed([busybox, "--list"])).trim().split("\n");
  return cached(cache, testImages.tools, [busybox, curl, ...libraries], (folder) => {
    const tree = new Tree(folder);
    tree.copy(busybox, busybox, "program");
    for (const applet of applets) if (applet !== "busybox") tree.link(`/bin/${applet}`, "busybox");
    tree.copy(curl, curl, "program");
    for (const library of libraries) tree.copy(library, library, "program");
    tree.text("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    tree.text("/etc/group", "root:x:0:\n");
    tree.text("/etc/nsswitch.conf", "hosts: files dns\n");
    return image({ environment: [path], entrypoint: ["/bin/sh"] });
  });
}

/** Shares the layers of Node with the product's images, which are there already. */
function application(): string {
  const runtime = parseDockerfile(readFileSync(join(root, "images/Dockerfile"), "utf8")).get("runtime");
  if (runtime === undefined) throw new Error("images/Dockerfile has no target runtime");
  const from = "build/images/test-application";
  const tree = new Tree(join(root, from));
  tree.copy(join(import.meta.dirname, "../images/application.ts"), "/opt/bank/application.ts");
  tree.text("/opt/bank/package.json", `${JSON.stringify({ type: "module" })}\n`);
  tree.settle();
  const target: ImageTarget = {
    ...runtime,
    layers: [...runtime.layers, { from: `${from}/opt/`, to: "/opt/" }],
    user: "10001:10001",
    folder: "/opt/bank",
    entrypoint: ["/usr/bin/node", "--disable-warning=ExperimentalWarning", "/opt/bank/application.ts"],
  };
  const file = join(root, `${from}.tar`);
  writeArchive({ root, target, reference: testImages.application, file });
  return file;
}

function image(parts: {
  readonly environment?: readonly string[];
  readonly entrypoint: readonly string[];
}): ImageTarget {
  return { layers: [{ from: ".", to: "/" }], environment: [], user: "0:0", folder: "/", ...parts };
}

/** The archive of this name made of just these files, from the cache when it was made before. */
function cached(
  cache: string,
  reference: string,
  files: readonly string[],
  fill: (folder: string) => ImageTarget,
): string {
  const hash = createHash("sha256").update(readFileSync(import.meta.filename));
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(file));
  const name = reference.replace(/^.*\/(.*):.*$/, "$1");
  const file = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}.tar`);
  if (existsSync(file)) {
    keepNewest(cache, new RegExp(`^${name}-[0-9a-f]+\\.tar$`), file);
    return file;
  }
  const folder = mkdtempSync(join(cache, `${name}-`));
  try {
    const target = fill(join(folder, "root"));
    writeArchive({ root: join(folder, "root"), target, reference, file: join(folder, "archive.tar") });
    renameSync(join(folder, "archive.tar"), file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return file;
}
