import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Document,
  type Node,
  type YAMLError,
} from "yaml";
import { fieldPath, itemPath, parentPath } from "../core/policy/parse/field-path.ts";
import type { SourceDocument } from "../core/policy/parse/source-document.ts";
import type { ObjectProblem, ProblemCode } from "../core/policy/problem.ts";

/** Longest file that is read, in UTF-16 units; beyond it nothing of the file is read. */
export const yamlFileCharactersMax = 4 * 1_048_576;
/** Longest document; a longer one is refused and the rest of the file with it. */
export const yamlDocumentCharactersMax = 1_048_576;
/** Documents of one file; a file with more is refused whole. */
export const yamlDocumentsMax = 1_000;
/** Mappings and lists inside each other. */
export const yamlDepthMax = 32;
/** Values of one document, those that aliases repeat included. */
export const yamlValuesMax = 50_000;
/** Aliases of one document. */
export const yamlAliasesMax = 100;
/** Problems kept of one file. */
export const yamlProblemsMax = 20;

/** Open tokens of the parser at which it is stopped: more than any document within `yamlDepthMax` needs. */
const parserStackMax = 4 * yamlDepthMax;

export interface YamlFile {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly ObjectProblem[];
}

/**
 * Reads a file of YAML 1.2 documents (JSON is YAML) into plain values that know their lines. Strict where readers of
 * YAML differ: keys are text and occur once, no tags, no `%YAML 1.1`, and merge keys (`<<`) are ordinary names. A
 * document with a problem is left out; the others are read. Never throws, whatever the text is.
 */
export function readYamlFile(source: string | Uint8Array, file: string): YamlFile {
  const text = typeof source === "string" ? source : decodeUtf8(source);
  if (text === undefined) {
    return refusedFile(file, "PKT0009", "the file is not UTF-8 text", "save it as UTF-8");
  }
  if (text.length > yamlFileCharactersMax) {
    const message = `the file has ${text.length} characters, more than ${yamlFileCharactersMax}`;
    return refusedFile(file, "PKT0003", message, "split it into several files");
  }
  return new FileReading(text, file).read();
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function refusedFile(file: string, code: ProblemCode, message: string, fix: string): YamlFile {
  return { documents: [], problems: [{ code, file, line: 1, field: "", message, fix }] };
}

class FileReading {
  readonly #text: string;
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #documents: SourceDocument[] = [];
  readonly #problems: ObjectProblem[] = [];
  #count = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  read(): YamlFile {
    const parser = new Parser(this.#lines.addNewLine);
    // The parser tells of the first line only when it is given whole texts.
    this.#lines.addNewLine(0);
    const composer = new Composer({
      version: "1.2",
      schema: "core",
      merge: false,
      // Checked below with a set; the library compares each key with all others.
      uniqueKeys: false,
      stringKeys: false,
      prettyErrors: false,
      keepSourceTokens: false,
    });
    let start = 0;
    for (const lexeme of new Lexer().lex(this.#text)) {
      for (const token of parser.next(lexeme)) {
        if (token.type === "document") start = token.offset;
        for (const document of composer.next(token)) this.#add(document);
      }
      // The composer would recurse; stopping here keeps hostile nesting from costing seconds and the stack.
      if (parser.stack.length > parserStackMax) {
        return this.#stop(
          "PKT0004",
          parser.offset,
          `nested deeper than ${yamlDepthMax} levels`,
          "flatten the document",
        );
      }
      if (parser.offset - start > yamlDocumentCharactersMax) {
        const message = `the document has more than ${yamlDocumentCharactersMax} characters`;
        return this.#stop("PKT0003", start, message, "split it into several objects");
      }
      if (this.#count > yamlDocumentsMax) return this.#stopAtCount(parser.offset);
      if (this.#problems.length >= yamlProblemsMax) return this.#result();
    }
    for (const token of parser.end()) for (const document of composer.next(token)) this.#add(document);
    for (const document of composer.end()) this.#add(document);
    return this.#count > yamlDocumentsMax ? this.#stopAtCount(this.#text.length) : this.#result();
  }

  #stopAtCount(offset: number): YamlFile {
    const message = `the file holds more than ${yamlDocumentsMax} documents`;
    const { problems } = this.#stop("PKT0005", offset, message, "split it into several files");
    return { documents: [], problems };
  }

  #stop(code: ProblemCode, offset: number, message: string, fix: string): YamlFile {
    this.#report(code, offset, "", message, fix);
    return this.#result();
  }

  #result(): YamlFile {
    return { documents: this.#documents, problems: this.#problems.slice(0, yamlProblemsMax) };
  }

  #report(code: ProblemCode, offset: number, field: string, message: string, fix: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.#problems.push({ code, file: this.#file, line: line || 1, column: col || 1, field, message, fix });
  }

  #add(document: Document.Parsed): void {
    this.#count++;
    const { version, explicit } = document.directives.yaml;
    if (explicit === true && version !== "1.2") {
      const message = `%YAML ${version} reads words such as yes and no differently`;
      return this.#report("PKT0001", document.range[0], "", message, "remove the directive, or write %YAML 1.2");
    }
    if (document.errors.length > 0) {
      for (const error of document.errors.slice(0, 3)) this.#reportError(error);
      return;
    }
    // A document without content, such as after a last `---`, says nothing.
    if (document.contents === null || (isScalar(document.contents) && document.contents.source === "")) return;
    const values = new Values(document, (code, offset, field, message, fix) =>
      this.#report(code, offset, field, message, fix),
    );
    const value = values.read();
    if (values.failed) return;
    const lineOfOffset = (offset: number): number => this.#lines.linePos(offset).line;
    const text = this.#text;
    const counter = this.#lines;
    this.#documents.push({
      file: this.#file,
      value,
      lineOf(path) {
        for (let at: string | undefined = path; at !== undefined; at = parentPath(at)) {
          const place = values.places.get(at);
          if (place !== undefined) return lineOfOffset(place.start);
        }
        return lineOfOffset(document.contents?.range[0] ?? document.range[0]);
      },
      columnOf(path, offset) {
        const place = values.places.get(path);
        if (place?.text === undefined) return undefined;
        const at = place.value + (text.startsWith(place.text, place.value) ? 0 : 1);
        return text.startsWith(place.text, at) ? counter.linePos(at + offset).col : undefined;
      },
    });
  }

  #reportError(error: YAMLError): void {
    const message = (error.message.split("\n")[0] ?? "").replace(/\.$/, "");
    if (message.includes("call stack")) {
      this.#report("PKT0004", error.pos[0], "", `nested deeper than ${yamlDepthMax} levels`, "flatten the document");
    } else if (error.code === "TAG_RESOLVE_FAILED") {
      this.#report("PKT0007", error.pos[0], "", message, "remove the tag; quote the value if it is meant as text");
    } else {
      this.#report("PKT0001", error.pos[0], "", `not YAML: ${message}`, fixFor(error));
    }
  }
}

function fixFor(error: YAMLError): string {
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "indent with blanks";
    case "MISSING_CHAR":
      return "close the quote or bracket that is open";
    case "BAD_ALIAS":
      return "define the anchor before the alias, or write the value out";
    default:
      return "check indentation, colons and quotes around this line";
  }
}

interface Place {
  /** Offset of the key, or of the entry of a list. */
  readonly start: number;
  /** Offset of the value. */
  readonly value: number;
  /** The text of a text value. */
  readonly text: string | undefined;
}

type Report = (code: ProblemCode, offset: number, field: string, message: string, fix: string) => void;

/** Turns the nodes of one document into plain values and remembers where they stand. */
class Values {
  readonly places = new Map<string, Place>();
  failed = false;
  readonly #document: Document.Parsed;
  readonly #report: Report;
  #values = 0;
  #aliases = 0;

  constructor(document: Document.Parsed, report: Report) {
    this.#document = document;
    this.#report = report;
  }

  read(): unknown {
    return this.#value(this.#document.contents, "", 0);
  }

  #fail(code: ProblemCode, node: Node | null, path: string, message: string, fix: string): undefined {
    // One refusal is enough: bounds are reached many times over once they are reached.
    if (!this.failed) this.#report(code, node?.range?.[0] ?? 0, path, message, fix);
    this.failed = true;
    return undefined;
  }

  #value(node: Node | null, path: string, depth: number): unknown {
    if (this.failed || node === null) return null;
    if (++this.#values > yamlValuesMax) {
      const code = this.#aliases > 0 ? "PKT0006" : "PKT0003";
      return this.#fail(code, node, path, `the document has more than ${yamlValuesMax} values`, "make it smaller");
    }
    if (depth > yamlDepthMax) {
      return this.#fail("PKT0004", node, path, `nested deeper than ${yamlDepthMax} levels`, "flatten the document");
    }
    if (isAlias(node)) return this.#alias(node, path, depth);
    if (node.tag !== undefined) {
      const message = "a tag changes how a value is read";
      return this.#fail("PKT0007", node, path, message, "remove the tag; quote the value if it is meant as text");
    }
    if (isMap(node)) return this.#mapping(node, path, depth);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const entry = item as Node | null;
        const at = itemPath(path, index);
        this.#remember(at, entry, entry);
        return this.#value(entry, at, depth + 1);
      });
    }
    return isScalar(node) ? node.value : null;
  }

  #alias(node: Node & { resolve(document: Document): Node | undefined }, path: string, depth: number): unknown {
    if (++this.#aliases > yamlAliasesMax) {
      return this.#fail("PKT0006", node, path, `more than ${yamlAliasesMax} aliases`, "write the values out");
    }
    const target = node.resolve(this.#document);
    if (target === undefined) {
      return this.#fail("PKT0006", node, path, "the alias points nowhere", "define its anchor earlier");
    }
    // An anchor inside itself ends at the bound of depth.
    return this.#value(target, path, depth + 1);
  }

  #mapping(node: Node & { readonly items: readonly unknown[] }, path: string, depth: number): unknown {
    const result = Object.create(null) as Record<string, unknown>;
    for (const item of node.items as readonly { readonly key: Node | null; readonly value: Node | null }[]) {
      const { key, value } = item;
      if (!isScalar(key) || typeof key.value !== "string" || key.tag !== undefined) {
        return this.#fail("PKT0008", key ?? node, path, "a key is not text", 'put it in quotes, such as "1"');
      }
      const at = fieldPath(path, key.value);
      if (Object.hasOwn(result, key.value)) {
        const fix = "remove one of the two, or merge them";
        return this.#fail("PKT0002", key, at, `${JSON.stringify(key.value)} stands here twice`, fix);
      }
      this.#remember(at, key, value);
      result[key.value] = this.#value(value, at, depth + 1);
      if (this.failed) return undefined;
    }
    return result;
  }

  #remember(path: string, start: Node | null, value: Node | null): void {
    const at = start?.range?.[0];
    // Behind an alias the first place stays: that is where the reader of the file looks.
    if (at === undefined || this.places.has(path)) return;
    const text = isScalar(value) && typeof value.value === "string" ? value.value : undefined;
    this.places.set(path, { start: at, value: value?.range?.[0] ?? at, text });
  }
}
