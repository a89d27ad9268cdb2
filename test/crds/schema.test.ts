import assert from "node:assert/strict";
import { readCrds, type Crd, type Schema } from "../../scripts/crds.ts";
import { nodesOf, type Node } from "./nodes.ts";

const crds = readCrds();
const byKind = new Map(crds.map((crd) => [crd.kind, crd]));
const places = (crd: Crd): readonly Node[] => [...nodesOf(crd.spec, "spec"), ...nodesOf(crd.status, "status")];
const isInSpec = ({ path }: Node): boolean => path.startsWith("spec");

/** Places of every kind where something is missing. */
function lacking(check: (node: Node) => boolean, where: (node: Node) => boolean = () => true): readonly string[] {
  const nodes = crds.flatMap((crd) => places(crd).map((node) => ({ kind: crd.kind, node })));
  const looked = nodes.filter(({ node }) => where(node));
  assert.ok(looked.length >= 3, `only ${looked.length} places were looked at`);
  return looked.filter(({ node }) => !check(node)).map(({ kind, node }) => `${kind} ${node.path}`);
}

const isText = ({ schema }: Node): boolean => schema.type === "string" && schema.enum === undefined;

describe("the schemas of the kinds", () => {
  it("are there for the kinds of this version, with their short names, in the category picket", () => {
    assert.deepEqual(
      Object.fromEntries(crds.map(({ kind, shortNames, scope }) => [kind, [...shortNames, scope].join(" ")])),
      {
        ApiBlock: "ablk Namespaced",
        ApiGrant: "agrant Namespaced",
        ApiIdentity: "aid Namespaced",
        ApiPolicy: "apol Namespaced",
        ApiService: "asvc Namespaced",
        ClusterApiIdentity: "caid Cluster",
        ClusterApiPolicy: "capol Cluster",
        PicketConfig: "pcfg Cluster",
      },
    );
    for (const { categories } of crds) assert.deepEqual(categories, ["picket"]);
    for (const { file, plural } of crds) assert.equal(file, `crds/${plural}.yaml`);
  });

  it("mark the policies for tools that know Gateway API", () => {
    const marked = crds.filter(({ labels }) => labels["gateway.networking.k8s.io/policy"] === "inherited");
    assert.deepEqual(
      marked.map(({ kind }) => kind),
      ["ApiPolicy", "ClusterApiPolicy"],
    );
  });

  it("show the state of each object in its columns", () => {
    for (const { kind, columns } of crds) {
      const wanted = kind.endsWith("Policy") ? ["Mode", "Accepted", "Programmed", "Proxies", "Would-deny", "Age"] : [];
      assert.deepEqual(columns.slice(0, wanted.length), wanted);
      for (const column of ["Accepted", "Age", "Reason"]) assert.ok(columns.includes(column), `${kind} ${column}`);
    }
  });

  it("describe every field, for kubectl explain", () => {
    assert.deepEqual(
      lacking(({ schema }) => (schema.description ?? "").length > 5 && schema.description!.endsWith(".")),
      [],
    );
  });

  it("have a type everywhere but where a value may be of several", () => {
    const untyped = new Set(
      lacking(({ schema }) => schema.type !== undefined).map((place) => place.split(".").at(-1)!),
    );
    assert.deepEqual([...untyped].toSorted(), ["contains", "equals", "in[]", "key[]"]);
  });

  it("bound every text", () => {
    assert.deepEqual(
      lacking(({ schema }) => schema.maxLength !== undefined, isText),
      [],
    );
    assert.deepEqual(
      lacking(
        ({ schema }) => schema.minLength === 1,
        (node) => isText(node) && isInSpec(node) && node.name !== "group" && !node.path.endsWith(".*"),
      ),
      [],
    );
  });

  it("bound every list and say how server-side apply merges it", () => {
    const isList = ({ schema }: Node): boolean => schema.type === "array";
    const isBounded = ({ schema }: Node): boolean =>
      schema.maxItems !== undefined && schema["x-kubernetes-list-type"] !== undefined;
    assert.deepEqual(lacking(isBounded, isList), []);
    const keys = (schema: Schema): readonly string[] => schema["x-kubernetes-list-map-keys"] ?? [];
    assert.deepEqual(
      lacking(
        ({ schema }) =>
          keys(schema).length > 0 &&
          keys(schema).every(
            (key) => schema.items!.required?.includes(key) || schema.items!.properties![key]!.default !== undefined,
          ),
        ({ schema }) => schema["x-kubernetes-list-type"] === "map",
      ),
      [],
    );
  });

  it("bound every map and every number of spec", () => {
    assert.deepEqual(
      lacking(
        ({ schema }) => schema.maxProperties !== undefined,
        ({ schema }) => schema.additionalProperties !== undefined,
      ),
      [],
    );
    assert.deepEqual(
      lacking(
        ({ schema }) => schema.minimum !== undefined && (schema.maximum !== undefined || schema.format === "int64"),
        (node) => node.schema.type === "integer" && isInSpec(node),
      ),
      [],
    );
  });

  it("keep in spec what they do not know and what has no value, so that it is refused and not dropped", () => {
    assert.deepEqual(
      lacking(
        ({ schema }) => schema["x-kubernetes-preserve-unknown-fields"] === true,
        (node) => node.schema.properties !== undefined && isInSpec(node),
      ),
      [],
    );
    assert.deepEqual(
      lacking(
        ({ schema }) => schema.nullable === true,
        ({ parent, name, schema, path }) =>
          path.startsWith("spec.") &&
          parent !== undefined &&
          !(parent.required ?? []).includes(name!) &&
          schema.default === undefined,
      ),
      [],
    );
  });

  it("keep nothing unknown in status", () => {
    assert.deepEqual(
      lacking(
        ({ schema }) => schema["x-kubernetes-preserve-unknown-fields"] === undefined,
        (node) => !isInSpec(node),
      ),
      [],
    );
  });

  it("give no default in spec: what is absent is taken from the policy above", () => {
    const withDefault = lacking(({ schema }) => schema.default === undefined, isInSpec);
    assert.deepEqual([...new Set(withDefault.map((place) => place.split(".").at(-1)))], ["group"]);
  });

  it("say in each CEL rule what to do", () => {
    const rules = crds.flatMap((crd) =>
      [crd.root, ...places(crd).map(({ schema }) => schema)].flatMap(
        (schema) => schema["x-kubernetes-validations"] ?? [],
      ),
    );
    assert.ok(rules.length > 100, `${rules.length} rules`);
    for (const { message } of rules) assert.match(message, /^[a-z].{10,200}[^.]$/);
    // An order, not a complaint.
    const verbs = new Set(rules.map(({ message }) => message.split(" ")[0]!));
    assert.equal([...verbs].toSorted().join(" "), "add keep let make name remove set shorten start use write");
  });

  it("say the same where they mean the same", () => {
    const schemaOf = (kind: string): Schema => byKind.get(kind)!.spec;
    const shared = ({ properties = {} }: Schema): object =>
      Object.fromEntries(
        Object.entries(properties).filter(([name]) => !["targetRefs", "selector", "namespaces"].includes(name)),
      );
    assert.deepEqual(shared(schemaOf("ClusterApiPolicy")), shared(schemaOf("ApiPolicy")));
    assert.deepEqual(byKind.get("ClusterApiPolicy")!.status, byKind.get("ApiPolicy")!.status);
    assert.deepEqual(schemaOf("ClusterApiIdentity"), schemaOf("ApiIdentity"));
    const conditions = new Set(crds.map(({ status }) => JSON.stringify(status.properties!["conditions"])));
    assert.equal(conditions.size, 1);
  });
});
