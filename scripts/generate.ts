/**
 * Makes protos/gen: Envoy's API from the npm package that carries it (with our overlay of newer fields), and our own
 * protos/picket; and platform/kinds.gen.ts from crds/. Nothing generated is committed. `--if-needed` does nothing when
 * the inputs have not changed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { overlayFields } from "../protos/overlay/fields.ts";
import { generateKinds } from "./generate-kinds.ts";

const root = join(import.meta.dirname, "..");
const output = join(root, "protos/gen");
/** Filled first and then renamed, so that nobody sees half of it. */
const next = join(root, "protos/gen.next");
const staging = join(root, "build/proto-sources");
const carried = join(root, "node_modules/@grpc/grpc-js-xds/deps");
const wellKnown = join(root, "node_modules/protoc/include");
const includes = [
  staging,
  join(root, "protos/overlay"),
  join(root, "protos"),
  join(carried, "envoy-api"),
  join(carried, "xds"),
  join(carried, "googleapis"),
  join(carried, "protoc-gen-validate"),
  wellKnown,
];

/** What our code names; everything these import comes along. */
const entries = [
  "envoy/config/bootstrap/v3/bootstrap.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/core/v3/health_check.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/rbac/v3/rbac.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/extensions/access_loggers/filters/cel/v3/cel.proto",
  "envoy/extensions/access_loggers/grpc/v3/als.proto",
  "envoy/extensions/filters/http/body_size_limit/v3/body_size_limit.proto",
  "envoy/extensions/filters/http/credential_injector/v3/credential_injector.proto",
  "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto",
  "envoy/extensions/filters/http/health_check/v3/health_check.proto",
  "envoy/extensions/filters/http/jwt_authn/v3/config.proto",
  "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
  "envoy/extensions/filters/http/rbac/v3/rbac.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.proto",
  "envoy/extensions/filters/listener/original_dst/v3/original_dst.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto",
  "envoy/extensions/http/injected_credentials/generic/v3/generic.proto",
  "envoy/extensions/path/match/uri_template/v3/uri_template_match.proto",
  "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.proto",
  "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
  "envoy/service/accesslog/v3/als.proto",
  "envoy/service/auth/v3/external_auth.proto",
  "envoy/service/discovery/v3/ads.proto",
  "envoy/type/matcher/v3/http_inputs.proto",
  "google/rpc/status.proto",
  ...globSync("picket/**/*.proto", { cwd: join(root, "protos") }),
];

const options = [
  "esModuleInterop=true",
  "importSuffix=.ts",
  "env=node",
  "oneof=unions",
  "enumsAsLiterals=true",
  "unrecognizedEnum=false",
  "outputServices=grpc-js",
  "outputJsonMethods=true",
  "outputPartialMethods=true",
  "useExactTypes=false",
  "removeComments=true",
  "forceLong=number",
  "outputTypeRegistry=false",
  "outputTypeAnnotations=static-only",
];

main();

function main(): void {
  generateKinds();
  const digest = inputDigest();
  const mark = join(output, "inputs.sha256");
  if (process.argv.includes("--if-needed") && existsSync(mark) && readFileSync(mark, "utf8") === digest) return;
  rmSync(next, { recursive: true, force: true });
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  stageOverlay();
  const files = closure(entries);
  execFileSync(
    "protoc",
    [
      ...includes.map((folder) => `--proto_path=${folder}`),
      `--plugin=protoc-gen-ts_proto=${join(root, "node_modules/.bin/protoc-gen-ts_proto")}`,
      `--ts_proto_out=${next}`,
      `--ts_proto_opt=${options.join(",")}`,
      ...files,
    ],
    { stdio: "inherit", maxBuffer: 1 << 26 },
  );
  writeFileSync(join(next, "inputs.sha256"), digest);
  rmSync(output, { recursive: true, force: true });
  renameSync(next, output);
  process.stderr.write(`generated ${files.length} files in ${relative(root, output)}\n`);
}

/** Copies the files that the overlay changes and inserts its lines. A place that is not found stops the build. */
function stageOverlay(): void {
  for (const { file, after, lines } of overlayFields) {
    const target = join(staging, file);
    const source = existsSync(target) ? target : find(file);
    const text = readFileSync(source, "utf8").split(/\r?\n/);
    const at = text.indexOf(after);
    if (at < 0) throw new Error(`overlay: ${file} has no line ${JSON.stringify(after)}`);
    text.splice(at + 1, 0, ...lines);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.join("\n"));
  }
}

function find(file: string): string {
  for (const folder of includes) {
    const path = join(folder, file);
    if (existsSync(path)) return path;
  }
  throw new Error(`no .proto file ${file}`);
}

/** The entries and everything they import. */
function closure(names: readonly string[]): string[] {
  const seen = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const [, imported] of readFileSync(find(name), "utf8").matchAll(/^import (?:public )?"([^"]+)";/gm)) {
      queue.push(imported!);
    }
  }
  return [...seen].toSorted();
}

function inputDigest(): string {
  const hash = createHash("sha256");
  hash.update(readFileSync(import.meta.filename));
  hash.update(readFileSync(join(root, "package-lock.json")));
  for (const file of globSync("{picket,overlay}/**/*.{proto,ts}", { cwd: join(root, "protos") }).toSorted()) {
    hash.update(file).update(readFileSync(join(root, "protos", file)));
  }
  return hash.digest("hex");
}
