import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy } from "../../platform/envoy-binary.ts";
import { overlayFields } from "../../protos/overlay/fields.ts";
import { eachDescriptor, readDescriptor, type DescribedField } from "./descriptors.ts";

const root = join(import.meta.dirname, "../..");

/** Not Envoy's own: the program carries its own copy of the validation rules, whose options nothing of ours reads. */
const foreign = new Set(["validate/validate.proto"]);

/** Files that we change, with the names of the fields we added to them. */
function overlaid(): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const { file, lines } of overlayFields) {
    if (foreign.has(file)) continue;
    const names = lines.flatMap((line) => [...line.matchAll(/(\w+) = \d+;/g)].map(([, name]) => name ?? ""));
    files.set(file, [...(files.get(file) ?? []), ...names]);
  }
  for (const file of globSync("envoy/**/*.proto", { cwd: join(root, "protos/overlay") })) {
    const text = readFileSync(join(root, "protos/overlay", file), "utf8");
    files.set(
      file,
      [...text.matchAll(/^\s+[\w.]+ (\w+) = \d+;/gm)].map(([, name]) => name ?? ""),
    );
  }
  return files;
}

/** What our generated code was made from, as descriptors. */
function ours(files: readonly string[]): Map<string, DescribedField> {
  const carried = join(root, "node_modules/@grpc/grpc-js-xds/deps");
  const includes = [
    join(root, "build/proto-sources"),
    join(root, "protos/overlay"),
    ...["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((folder) => join(carried, folder)),
    join(root, "node_modules/protoc/include"),
  ];
  const folder = mkdtempSync(join(tmpdir(), "picket-descriptors-"));
  const fields = new Map<string, DescribedField>();
  for (const file of files) {
    const out = join(folder, "set.bin");
    const paths = includes.map((include) => `--proto_path=${include}`);
    execFileSync(join(root, "node_modules/.bin/protoc"), [...paths, `--descriptor_set_out=${out}`, file], {
      stdio: "pipe",
    });
    eachDescriptor(readFileSync(out), new Set([file]), (descriptor) => readDescriptor(descriptor, fields));
  }
  rmSync(folder, { recursive: true });
  return fields;
}

describe("our overlay of Envoy's API", () => {
  it("has the number, type, label, oneof and file that the Envoy program itself has for every field", function () {
    const envoy = findEnvoy(process.env);
    if (envoy === undefined) {
      if (process.env.CI === "true") throw new Error("Envoy is not there: node scripts/fetch-envoy.ts");
      this.skip();
    }
    const added = overlaid();
    const theirs = new Map<string, DescribedField>();
    eachDescriptor(readFileSync(envoy), new Set(added.keys()), (file) => readDescriptor(file, theirs));
    const mine = ours([...added.keys()]);
    const wanted = new Set([...added.values()].flat());
    let checked = 0;
    for (const [field, described] of mine) {
      // The package is older than the program: fields it lacks are not ours to explain, those we added are.
      if (!wanted.has(field.split(".").at(-1) ?? "")) continue;
      assert.deepEqual(described, theirs.get(field), field);
      checked++;
    }
    const expected = [...added.values()].reduce((sum, names) => sum + names.length, 0);
    assert.ok(expected > 0 && checked >= expected, `${checked} of ${expected} fields were found and compared`);
  });
});
