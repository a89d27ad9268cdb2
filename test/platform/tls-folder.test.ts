import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsMaterial } from "../../platform/tls.ts";
import { watchTlsFolder, type TlsFolder } from "../../platform/tls-folder.ts";
import { silentLog } from "../contract/ads-range.ts";
import { Authority } from "./authority.ts";

describe("a folder with a certificate", () => {
  let authority: Authority;
  let folder: string;
  let stop: AbortController;
  let serial = 0;

  /** As kubelet does it: a new folder, then the link is exchanged. */
  const mount = (files: Readonly<Record<string, string>>): void => {
    const made = `..${serial++}`;
    mkdirSync(join(folder, made));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, made, name), text);
    symlinkSync(made, join(folder, "..next"));
    renameSync(join(folder, "..next"), join(folder, "..data"));
    if (serial > 1) return;
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(folder, name));
  };
  const pair = ({ certificate, key }: TlsMaterial) => ({ "tls.crt": certificate, "tls.key": key.reveal() });
  const watch = (): TlsFolder => watchTlsFolder(folder, { log: silentLog, signal: stop.signal, pollMs: 10 });

  before(async () => {
    authority = await Authority.create("ours");
  });
  beforeEach(() => {
    serial = 0;
    folder = mkdtempSync(join(tmpdir(), "picket-tls-"));
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    rmSync(folder, { recursive: true });
  });

  it("must hold a pair that fits when the program starts", async () => {
    assert.throws(watch, /ENOENT/);
    const [one, two] = [await authority.issue(), await authority.issue()];
    mount({ ...pair(one), "tls.key": two.key.reveal() });
    assert.throws(watch, /mismatch/);
  });

  it("is looked at again, and tells of a new certificate by itself", async () => {
    mount(pair(await authority.issue()));
    const source = watch();
    const told = new Promise<void>((resolve) => source.onChange(resolve));
    const next = await authority.issue();
    mount(pair(next));
    await told;
    assert.equal(source.context().certificate, next.certificate);
  });

  it("is not believed while its halves do not fit, or are gone", async () => {
    const first = await authority.issue();
    mount(pair(first));
    const source = watch();
    let changes = 0;
    source.onChange(() => changes++);
    const next = await authority.issue();
    for (const files of [{ ...pair(first), "tls.crt": next.certificate }, { "tls.crt": "", "tls.key": "" }, {}]) {
      mount(files);
      assert.equal(source.look(), false);
    }
    assert.deepEqual([source.context().certificate, changes], [first.certificate, 0]);
    mount(pair(next));
    // Whichever looks first, the timer or we.
    source.look();
    assert.deepEqual([source.context().certificate, changes], [next.certificate, 1]);
  });
});
