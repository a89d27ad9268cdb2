import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bestOperation,
  createMatches,
  findOperations,
  segmentsSeenMax,
  visitsMax,
  type Matches,
} from "../../../core/catalog/find.ts";
import { parseTemplate, type Template } from "../../../core/catalog/template.ts";
import { compileTree, treeEntriesMax, type TreeEntry, type TreeMode } from "../../../core/catalog/tree.ts";
import { methods, type Method } from "../../../core/policy/policy.ts";
import { viewOf } from "./path-view.ts";

function template(text: string): Template {
  const parsed = parseTemplate(text);
  assert.ok(parsed.kind === "template", JSON.stringify(parsed));
  return parsed;
}

const entriesOf = (...texts: readonly string[]): TreeEntry[] =>
  texts.map((text, index) => ({ template: template(text), methods: [], index }));

function find(entries: readonly TreeEntry[], mode: TreeMode, path: string, method: Method = "GET"): Matches {
  const tree = compileTree(entries, mode);
  const matches = createMatches([tree]);
  findOperations(tree, viewOf(path), method, matches);
  return matches;
}

const list = (matches: Matches): number[] => [...matches.indexes.subarray(0, matches.count)];
const sorted = (matches: Matches): number[] => list(matches).sort((a, b) => a - b);

// The oracle: one template against one path by plain string work, nothing shared with the tree.

function foldText(text: string): string {
  return text
    .replace(/(?:[. \t]|%2e|%20|%09)+$/i, "")
    .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const upperEscapes = (text: string): string => text.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());

function matchesPath(of: Template, mode: TreeMode, path: string, typed = true): boolean {
  const parts = path.slice(1).split("/");
  if (parts.at(-1) === "") parts.pop();
  const from = (at: number, part: number): boolean => {
    const segment = of.segments[at];
    const text = parts[part];
    if (segment === undefined && of.rest) return true;
    if (text === undefined) return segment === undefined;
    if (mode === "wide" && foldText(text) === "" && from(at, part + 1)) return true;
    if (segment === undefined) return false;
    let fits = true;
    if (segment.kind === "literal") {
      fits = mode === "wide" ? foldText(segment.text) === foldText(text) : segment.text === upperEscapes(text);
    } else if (mode === "exact") {
      if (segment.type === "int") fits = !typed || /^(0|[1-9][0-9]{0,17})$/.test(text);
      if (segment.type === "uuid") fits = !typed || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
    }
    return fits && from(at + 1, part + 1);
  };
  return from(0, 0);
}

function matchesMethod(entry: TreeEntry, method: Method): boolean {
  if (entry.methods.length === 0 || entry.methods.includes(method)) return true;
  return method === "HEAD" && entry.methods.includes("GET");
}

const uuid = "0191d6a8-1b5e-7c3d-8f00-abcdef012345";
const literals = ["a", "b", "admin", "café", "a.", "A", "...", "x%20"];
const pathParts = [
  "a",
  "A",
  "b",
  "b.",
  "admin",
  "Admin",
  "%61",
  "caf%c3%a9",
  "a%2e",
  "...",
  ".%20",
  "x%20",
  "X",
  "7",
  "07",
  uuid,
];

const templates = fc
  .tuple(
    fc.array(fc.oneof(fc.constantFrom(...literals), fc.constantFrom("{}", "{:int}", "{:uuid}")), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([parts, rest]) => {
    const named = parts.map((part, at) => part.replace("{", `{p${at}`));
    return template(`/${[...named, ...(rest ? ["**"] : [])].join("/")}`);
  });
const entryLists = fc
  .array(fc.record({ template: templates, methods: fc.subarray([...methods], { maxLength: 2 }) }), { maxLength: 12 })
  .map((entries) => entries.map((entry, index): TreeEntry => ({ ...entry, index })));
const paths = fc
  .tuple(fc.array(fc.constantFrom(...pathParts), { maxLength: 5 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`);
const requests = fc.array(fc.tuple(paths, fc.constantFrom(...methods)), { minLength: 1, maxLength: 12 });

describe("findOperations", () => {
  it("follows literal, typed, untyped and rest branches, most specific first", () => {
    const entries = entriesOf(
      "/**",
      "/v1/{kind}/{id}",
      "/v1/orders/{id}",
      "/v1/orders/{id:int}",
      "/v1/orders/7",
      "/v1/**",
    );
    assert.deepEqual(list(find(entries, "exact", "/v1/orders/7")), [4, 3, 2, 1, 5, 0]);
    assert.deepEqual(list(find(entries, "exact", "/v1/orders/x")), [2, 1, 5, 0]);
    assert.deepEqual(list(find(entries, "exact", "/v2")), [0]);
  });

  it("judges a path with a slash at the end like one without", () => {
    const entries = entriesOf("/admin", "/admin/x", "/admin/{id}");
    assert.deepEqual(list(find(entries, "exact", "/admin/")), [0]);
    assert.deepEqual(list(find(entries, "exact", "/admin/x/")), [1, 2]);
  });

  it("lets ** stand for nothing at all", () => {
    for (const path of ["/admin", "/admin/", "/admin/a", "/admin/a/b/c"]) {
      assert.deepEqual(list(find(entriesOf("/admin/**"), "exact", path)), [0], path);
    }
    assert.deepEqual(list(find(entriesOf("/**"), "exact", "/")), [0]);
    assert.deepEqual(list(find(entriesOf("/"), "exact", "/")), [0]);
  });

  it("never takes part of a segment for the whole", () => {
    for (const path of ["/adm", "/administrator", "/x/admin", "/admin/x"]) {
      assert.deepEqual(list(find(entriesOf("/admin"), "exact", path)), [], path);
    }
  });

  it("takes every legal character inside a parameter", () => {
    for (const segment of ["1*2", "a:b", "!$&'()+,=@~", "caf%C3%A9"]) {
      assert.deepEqual(list(find(entriesOf("/orders/{id}"), "exact", `/orders/${segment}`)), [0], segment);
    }
  });

  it("refuses other letter case, dots and blanks where a match grants, and takes them where it refuses", () => {
    for (const path of [
      "/Admin/x",
      "/ADMIN./x",
      "/admin%20/x",
      "/admin%09/x",
      "/admin../X",
      "/%41dmin/x",
      "/admin/%20/x",
    ]) {
      assert.deepEqual(list(find(entriesOf("/admin/x"), "exact", path)), [], path);
      assert.deepEqual(list(find(entriesOf("/admin/x"), "wide", path)), [0], path);
    }
  });

  it("takes a segment of dots and blanks at the end for none where a match refuses", () => {
    for (const path of ["/admin/...", "/admin/%20", "/admin/%20/", "/admin/.%09/..."]) {
      assert.deepEqual(list(find(entriesOf("/admin"), "wide", path)), [0], path);
    }
  });

  it("lets typed parameters match any segment where a match refuses", () => {
    assert.deepEqual(list(find(entriesOf("/orders/{id:int}"), "wide", "/orders/007")), [0]);
    assert.equal(find(entriesOf("/orders/{id:int}"), "wide", "/orders/007").typeMismatch, false);
  });

  for (const segment of ["00001", "1e0", "+1", "١", "%D9%A1", "1.0", "9".repeat(19)]) {
    it(`reports that ${JSON.stringify(segment)} has not the type int`, () => {
      const matches = find(entriesOf("/orders/{id:int}"), "exact", `/orders/${segment}`);
      assert.equal(matches.count, 0);
      assert.equal(matches.typeMismatch, true);
    });
  }

  it("reports a type mismatch only where nothing but the type stands in the way", () => {
    const entries: TreeEntry[] = [{ template: template("/orders/{id:int}/items"), methods: ["GET"], index: 0 }];
    assert.equal(find(entries, "exact", "/orders/x/items").typeMismatch, true);
    assert.equal(find(entries, "exact", "/orders/x/items", "POST").typeMismatch, false);
    assert.equal(find(entries, "exact", "/orders/x/other").typeMismatch, false);
    assert.equal(find(entries, "exact", "/orders/x").typeMismatch, false);
    assert.equal(find(entries, "exact", "/orders/7/items").typeMismatch, false);
  });

  it("judges HEAD as GET, and takes an entry for HEAD alone at its word", () => {
    const entries: TreeEntry[] = [
      { template: template("/a"), methods: ["GET"], index: 0 },
      { template: template("/a"), methods: ["HEAD"], index: 1 },
      { template: template("/a"), methods: ["POST"], index: 2 },
      { template: template("/a"), methods: [], index: 3 },
    ];
    assert.deepEqual(list(find(entries, "exact", "/a", "HEAD")), [0, 1, 3]);
    assert.deepEqual(list(find(entries, "exact", "/a", "GET")), [0, 3]);
    assert.deepEqual(list(find(entries, "exact", "/a", "POST")), [2, 3]);
  });

  it("reports an index that several entries share once", () => {
    const entries = entriesOf("/a/{x}", "/a/**", "/{y}/b").map((entry) => ({ ...entry, index: 5 }));
    assert.deepEqual(list(find(entries, "exact", "/a/b")), [5]);
  });

  it("does not decide for a method outside the closed list", () => {
    const matches = find(entriesOf("/**"), "exact", "/a", "TRACE" as Method);
    assert.deepEqual([matches.overflow, matches.count], [true, 0]);
  });

  it("ends in overflow, within its bound of work, when a path branches too much", () => {
    // 2^12 templates over {a, {x}} in 12 places: the path /a/a/… reaches all of them.
    const texts = Array.from({ length: 4_096 }, (_, number) =>
      Array.from({ length: 12 }, (__, at) => ((number >> at) & 1 ? "/a" : `/{p${at}}`)).join(""),
    );
    const tree = compileTree(entriesOf(...texts), "exact");
    const matches = createMatches([tree]);
    findOperations(tree, viewOf("/a".repeat(12)), "GET", matches);
    assert.equal(matches.overflow, true);
    assert.ok(matches.count < visitsMax);
    assert.equal(bestOperation(tree, viewOf("/a".repeat(12)), "GET", matches), 4_095);
    findOperations(tree, viewOf("/a"), "GET", matches);
    assert.deepEqual([matches.overflow, matches.count], [false, 0]);
  });

  it("ends in overflow when a path of empty-looking segments keeps too much open", () => {
    const tree = compileTree(entriesOf("/{a}/{b}/{c}/{d}/{e}"), "wide");
    const matches = createMatches([tree]);
    findOperations(tree, viewOf("/...".repeat(200)), "GET", matches);
    assert.equal(matches.overflow, true);
    findOperations(tree, viewOf("/...".repeat(segmentsSeenMax + 1)), "GET", matches);
    assert.equal(matches.overflow, true);
  });

  it("refuses matches made for a smaller tree and indexes out of bounds", () => {
    const small = createMatches([compileTree(entriesOf("/a"), "exact")]);
    const large = compileTree(entriesOf("/a", "/b"), "exact");
    assert.throws(() => findOperations(large, viewOf("/a"), "GET", small), RangeError);
    for (const index of [-1, 0.5, Number.NaN, treeEntriesMax]) {
      assert.throws(() => compileTree([{ template: template("/a"), methods: [], index }], "exact"), RangeError);
    }
  });

  it("finds what a linear search finds, in both modes, whatever the order of the entries", () => {
    let cases = 0;
    fc.assert(
      fc.property(entryLists, requests, fc.infiniteStream(fc.nat()), (entries, asked, numbers) => {
        const shuffled = entries
          .map((entry) => ({ entry, at: numbers.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ entry }) => entry);
        const exact = compileTree(entries, "exact");
        const wide = compileTree(entries, "wide");
        const exactShuffled = compileTree(shuffled, "exact");
        const matches = createMatches([exact, wide]);
        const others = createMatches([exactShuffled]);
        for (const [path, method] of asked) {
          cases += 2;
          const view = viewOf(path);
          const fitting = entries.filter((entry) => matchesMethod(entry, method));
          const expect = (mode: TreeMode): number[] =>
            fitting.filter((entry) => matchesPath(entry.template, mode, path)).map((entry) => entry.index);

          findOperations(wide, view, method, matches);
          const widely = sorted(matches);
          assert.deepEqual(widely, expect("wide"), `wide ${path}`);
          assert.equal(matches.overflow, false);

          findOperations(exact, view, method, matches);
          assert.deepEqual(sorted(matches), expect("exact"), `exact ${path}`);
          assert.ok(
            sorted(matches).every((index) => widely.includes(index)),
            "exact within wide",
          );
          if (matches.count === 0) {
            const untyped = fitting.some((entry) => matchesPath(entry.template, "exact", path, false));
            assert.equal(matches.typeMismatch, untyped, `mismatch ${path}`);
          }
          findOperations(exactShuffled, view, method, others);
          assert.deepEqual(list(others), list(matches));
          const best = list(matches)[0] ?? -1;
          assert.equal(bestOperation(exact, view, method, matches), best);
        }
      }),
      { numRuns: 3_000 },
    );
    assert.ok(cases >= 20_000, `${cases} cases`);
  });

  it("never loses a match when entries are added", () => {
    fc.assert(
      fc.property(
        entryLists,
        entryLists,
        requests,
        fc.constantFrom<TreeMode>("exact", "wide"),
        (some, added, asked, mode) => {
          const more = [...added.map((entry) => ({ ...entry, index: entry.index + some.length })), ...some];
          const small = compileTree(some, mode);
          const large = compileTree(more, mode);
          const before = createMatches([small]);
          const after = createMatches([large]);
          for (const [path, method] of asked) {
            findOperations(small, viewOf(path), method, before);
            findOperations(large, viewOf(path), method, after);
            const found = new Set(list(after));
            for (const index of list(before)) assert.ok(found.has(index), `${mode} ${path}`);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("bestOperation", () => {
  it("prefers literal over typed over untyped over **, from the left", () => {
    const entries = entriesOf("/**", "/{a}/b", "/a/{b}", "/a/{b:int}", "/a/**", "/a/b");
    const tree = compileTree(entries, "exact");
    const matches = createMatches([tree]);
    const best = (path: string): number => bestOperation(tree, viewOf(path), "GET", matches);
    assert.deepEqual(["/a/b", "/a/7", "/a/x", "/a/x/y", "/x/b", "/x"].map(best), [5, 3, 2, 4, 1, 0]);
  });

  it("is -1 when no template matches", () => {
    const tree = compileTree(entriesOf("/a"), "exact");
    assert.equal(bestOperation(tree, viewOf("/b"), "GET", createMatches([tree])), -1);
  });
});
