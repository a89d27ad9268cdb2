import assert from "node:assert/strict";
import { findingCodes } from "../../cli/policy/finding.ts";
import { picket } from "./captured-shell.ts";
import { policyOf, workloadOf, writeFiles, type TemporaryFiles } from "./files.ts";

interface Found {
  readonly code: string;
  readonly line: number;
  readonly subject: string;
}

let files: TemporaryFiles | undefined;

async function analyse(texts: readonly string[], ...args: readonly string[]) {
  files = writeFiles({ "a.yaml": texts.join("---\n") });
  return picket(["policy", "analyze", ".", ...args], { folder: files.folder });
}

async function findings(...texts: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await analyse(texts, "-o", "json");
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as { findings: readonly Found[] };
  files?.remove();
  return report.findings.map(({ code, line, subject }) => `${code} ${line} ${subject}`);
}

const target = "targetRefs: [{ group: apps, kind: Deployment, name: a }]";
const open = "{ name: open, match: [{ path: /open }], effect: Allow }";
const rules = (...list: readonly string[]): readonly string[] => [
  "access:",
  "  default: Deny",
  "  rules:",
  ...list.map((rule) => `    - ${rule}`),
];

describe("picket policy analyze", () => {
  afterEach(() => files?.remove());

  it("finds nothing in a plain policy", async () => {
    const { code, stdout } = await analyse([policyOf("a", target, "mode: Enforce", ...rules(open)), workloadOf("a")]);
    assert.deepEqual([code, stdout], [0, "nothing found in 1 policies\n"]);
  });

  it("finds each thing that it knows, where it stands", async () => {
    const seen: string[] = [];
    const expectFindings = async (texts: readonly string[], expected: readonly string[]): Promise<void> => {
      const found = await findings(...texts);
      assert.deepEqual(found, expected);
      seen.push(...found.map((one) => one.slice(0, 7)));
    };
    const enforced = (...spec: readonly string[]): string => policyOf("a", "mode: Enforce", ...spec);
    await expectFindings([enforced("access: { default: Allow }")], ["PKT0301 6 bank/a access.default"]);
    await expectFindings(
      [
        enforced(
          ...rules(
            "{ name: all, match: [{ path: '/o/**' }], effect: Allow, require: { scopes: [a] } }",
            "{ name: part, match: [{ path: /o/x }], effect: Deny }",
          ),
        ),
      ],
      ["PKT0302 10 bank/a access.rules[part]"],
    );
    await expectFindings(
      [
        enforced(
          ...rules(
            "{ name: shut, match: [{ path: '/o/**' }], effect: Deny }",
            "{ name: part, match: [{ methods: [GET], path: '/O/{x}' }], effect: Allow }",
            open,
          ),
        ),
      ],
      ["PKT0303 10 bank/a access.rules[part]"],
    );
    await expectFindings(
      [
        enforced(
          "identityRefs: [{ name: i }]",
          ...rules(
            "{ name: wide, match: [{ path: '/o/**' }], effect: Allow }",
            "{ name: part, match: [{ path: /o/x }], effect: Allow, require: { scopes: [a] } }",
          ),
        ),
      ],
      ["PKT0309 6 bank/a identityRefs", "PKT0304 11 bank/a access.rules[part]"],
    );
    await expectFindings(
      [enforced(...rules("{ name: adm, match: [{ path: '/v1/admin/**' }], effect: Allow }"))],
      ["PKT0305 9 bank/a access.rules[adm]"],
    );
    await expectFindings([enforced("access: { default: Deny }")], ["PKT0306 6 bank/a access"]);
    await expectFindings(
      [enforced("limits: [{ name: l, key: [SourceNetwork], requests: 1, window: 1s }]")],
      ["PKT0307 6 bank/a limits[l]"],
    );
    await expectFindings(
      [
        enforced(
          target,
          ...rules("{ name: r, match: [{ path: / }], effect: Allow, require: { authenticated: true } }"),
        ),
        workloadOf("a"),
      ],
      ["PKT0308 10 bank/a access.rules[r]"],
    );
    await expectFindings(
      [policyOf("a", "mode: Enforce", target), policyOf("b", "mode: Enforce", target), workloadOf("a")],
      ["PKT0310 13 bank/b targetRefs"],
    );
    await expectFindings([enforced("failure: { decision: Allow }")], ["PKT0311 6 bank/a failure.decision"]);
    await expectFindings([policyOf("a", "guards: {}")], ["PKT0312 1 bank/a mode"]);
    await expectFindings(
      [enforced(...rules("{ name: all, match: [{ path: '/**' }], effect: Allow }"))],
      ["PKT0313 9 bank/a access.rules[all]"],
    );
    const both = enforced("targetRefs: [{ kind: Namespace, name: bank }]", ...rules(open));
    await expectFindings(
      [enforced(target, ...rules(open)), workloadOf("a"), workloadOf("b", 8081)],
      ["PKT0314 17 bank/b metadata.name"],
    );
    await expectFindings([both, workloadOf("a"), workloadOf("b")], ["PKT0315 17 bank/b spec.listen"]);
    await expectFindings(
      [enforced(...rules("{ name: own, match: [{ path: '/v1/:user/x' }], effect: Allow }"))],
      ["PKT0316 9 bank/a access.rules[own]"],
    );
    assert.deepEqual([...new Set(seen)].toSorted(), Object.keys(findingCodes));
  });

  it("ends with 1 from the severity that is asked for, in every format", async () => {
    const warned = [policyOf("a", "mode: Enforce", "access: { default: Allow }")];
    for (const [level, code] of [
      ["info", 1],
      ["warning", 1],
      ["error", 0],
      ["never", 0],
    ] as const) {
      for (const format of ["table", "json", "yaml", "sarif", "junit"]) {
        const answer = await analyse(warned, "--fail-on", level, "-o", format);
        assert.equal(answer.code, code, `${level} ${format}`);
        files?.remove();
      }
    }
  });

  it("ends with 2 for objects that are bad, and with 1 when there is no policy", async () => {
    const bad = await analyse([policyOf("a", "mode: enforce")]);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /a\.yaml:5:?\d* spec\.mode: .* \[PKT0205\]\ntry: {3}write Enforce\n/);
    files?.remove();
    const none = await analyse([workloadOf("a")]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /there is no policy in these files/);
  });

  it("writes SARIF with a rule for each code and a place for each finding", async () => {
    const { stdout } = await analyse(
      [policyOf("a", "mode: Enforce", "access: { default: Allow }"), policyOf("b", "mode: x")],
      "-o",
      "sarif",
    );
    interface Log {
      readonly version: string;
      readonly runs: readonly {
        readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
        readonly results: readonly {
          readonly ruleId: string;
          readonly level: string;
          readonly locations: readonly {
            readonly physicalLocation: {
              readonly artifactLocation: { readonly uri: string };
              readonly region: { readonly startLine: number };
            };
          }[];
        }[];
      }[];
    }
    const log = JSON.parse(stdout) as Log;
    assert.equal(log.version, "2.1.0");
    const [run] = log.runs;
    const known = new Set(run?.tool.driver.rules.map(({ id }) => id));
    assert.deepEqual(
      run?.results.map(({ ruleId, level, locations }) => {
        const place = locations[0]?.physicalLocation;
        assert.ok(known.has(ruleId));
        return [ruleId, level, place?.artifactLocation.uri, place?.region.startLine];
      }),
      [
        ["PKT0205", "error", "a.yaml", 12],
        ["PKT0301", "warning", "a.yaml", 6],
      ],
    );
  });

  it("asks whether a segment with a colon was meant as a parameter", async () => {
    const rule = "{ name: own, match: [{ path: '/v1/:user' }], effect: Allow }";
    const { stdout } = await analyse([policyOf("a", "mode: Enforce", ...rules(rule))]);
    assert.match(stdout, /try: did you mean \{user\}\?/);
  });

  const needsToken = rules("{ name: r, match: [{ path: / }], effect: Allow, require: { authenticated: true } }");
  const withIdentity = [
    policyOf("a", "mode: Enforce", target, "identityRefs: [{ name: issuer }]", ...needsToken),
    workloadOf("a"),
  ];

  it("tells of an identity that is not there once, not also of demands that nobody can meet", async () => {
    assert.deepEqual(await findings(...withIdentity), ["PKT0309 7 bank/a identityRefs"]);
  });

  it("does not call broken what is missing, nor say that it found nothing in what it could not read", async () => {
    const identity = (spec: string): string =>
      `apiVersion: picket.dev/v1alpha1\nkind: ApiIdentity\nmetadata: { name: issuer, namespace: bank }\nspec: ${spec}\n`;
    for (const text of [identity("{ nosuch: 1 }"), "kind: [\n"]) {
      const { code, stdout, stderr } = await analyse([...withIdentity, text]);
      files?.remove();
      assert.equal(code, 2);
      assert.match(stderr, /\[PKT0[0-2]\d\d\]/);
      assert.doesNotMatch(`${stdout}${stderr}`, /PKT03|there is no policy|nothing found/, text);
      assert.match(stdout, /^\d+ problems?.*; what is broken was not analysed\n$/);
    }
  });

  it("reads neither packages nor folders whose name starts with a dot", async () => {
    const bad = policyOf("a", "mode: wrong");
    files = writeFiles({
      "node_modules/x/a.yaml": bad,
      "inner/node_modules/a.yaml": bad,
      ".git/a.yaml": bad,
      "a.yaml": policyOf("a", "mode: Enforce", target, ...rules(open)),
      "b.yaml": workloadOf("a"),
    });
    const { code, stdout } = await picket(["policy", "analyze"], { folder: files.folder });
    assert.deepEqual([code, stdout], [0, "nothing found in 1 policies\n"]);
  });

  it("finds an object that is there twice", async () => {
    const { code, stderr } = await analyse([policyOf("a", "mode: Enforce"), policyOf("a", "mode: Shadow")]);
    assert.equal(code, 2);
    assert.match(stderr, /ApiPolicy bank\/a stands in a\.yaml:3 already \[PKT0105\]/);
  });
});
