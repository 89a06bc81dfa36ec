/**
 * The text of a templates file → a {@link TemplateSet}, or every problem in it with its place.
 *
 * The form is the original system's: `templates:` → key → `format:`. YAML 1.2 with merge keys (`<<`); what YAML 1.1 would
 * read as true or a number of minutes (`yes`, `12:30`) is text here.
 *
 * @module
 */
import { type Document, LineCounter, parseDocument, type Scalar, visit } from "yaml";
import type { Compiled, FileProblem } from "../runtime/file_problem.ts";
import { isTemplateKey, PLACEHOLDERS, TEMPLATE_KEYS, type TemplateKey } from "./catalog.ts";
import { closest } from "./closest.ts";
import { clip } from "./format_spec.ts";
import { parseFormat } from "./format_string.ts";
import { type CompiledTemplate, TemplateSet } from "./template_set.ts";
import { braceOffset, describeNode, type Entry, isText, readMapping, resolveAlias } from "./yaml_nodes.ts";

/** Largest file that is read; the built-in one has 2 KB. */
export const MAX_TEMPLATES_CHARACTERS = 1_000_000;

/** Longest piece of the YAML library's own explanation that is passed on. */
const LIBRARY_TEXT_CHARACTERS = 160;

/** Never throws. A refused file is refused whole: no template of it is used. */
export function compileTemplates(source: string): Compiled<TemplateSet> {
  return new Compilation(source).run();
}

class Compilation {
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #problems: FileProblem[] = [];
  readonly #warnings: FileProblem[] = [];
  readonly #templates = new Map<TemplateKey, CompiledTemplate>();

  constructor(source: string) {
    // A byte order mark is no part of the text, and would shift every offset by one.
    this.#text = source.startsWith("\ufeff") ? source.slice(1) : source;
  }

  run(): Compiled<TemplateSet> {
    if (this.#text.length > MAX_TEMPLATES_CHARACTERS) {
      this.#refuse(
        undefined,
        undefined,
        `the file is too large; accepted: up to ${MAX_TEMPLATES_CHARACTERS} characters`,
      );
    } else {
      const document = this.#parse();
      if (this.#problems.length === 0) this.#readDocument(document);
    }
    if (this.#problems.length > 0) return { ok: false, problems: this.#problems };
    return { ok: true, value: new TemplateSet(this.#templates), warnings: this.#warnings };
  }

  #parse(): Document {
    const document = parseDocument(this.#text, { merge: true, lineCounter: this.#lines, prettyErrors: false });
    // What the library only warns of (an unknown tag) would change what the person meant.
    for (const error of [...document.errors, ...document.warnings]) {
      this.#refuse(error.pos[0], undefined, `invalid YAML: ${clip(error.message, LIBRARY_TEXT_CHARACTERS)}`);
    }
    visit(document, {
      Alias: (_, alias) => {
        if (alias.resolve(document) !== undefined) return;
        this.#refuse(alias.range?.[0], undefined, `invalid YAML: *${clip(alias.source)} has no anchor before it`);
      },
    });
    if (this.#problems.length > 0) return document;
    try {
      // Only for its refusal of aliases that multiply.
      document.toJS();
    } catch (error) {
      this.#refuse(undefined, undefined, `invalid YAML: ${clip((error as Error).message, LIBRARY_TEXT_CHARACTERS)}`);
    }
    return document;
  }

  #readDocument(document: Document): void {
    if (document.contents === null) return this.#refuse(undefined, undefined, "the file is empty");
    const top = readMapping(document.contents, document);
    const form = 'the file must be a mapping with the key "templates"';
    if (top === undefined) {
      return this.#refuse(document.contents.range?.[0], undefined, `${form}, not ${describeNode(document.contents)}`);
    }
    const templates = top.find((entry) => entry.key === "templates");
    if (templates === undefined) return this.#refuse(top[0]?.offset, undefined, this.#missingTop(top, form));
    for (const entry of top) {
      if (entry !== templates) this.#warn(entry.offset, entry.key, 'not used; only "templates" is read');
    }
    const entries = readMapping(templates.value, document);
    if (entries === undefined) {
      const found = describeNode(resolveAlias(templates.value, document));
      return this.#refuse(templates.offset, "templates", `must be a mapping of templates, not ${found}`);
    }
    if (entries.length === 0) this.#warn(templates.offset, "templates", "has no template; the built-in ones are used");
    for (const entry of entries) this.#readTemplate(entry, document);
  }

  #missingTop(top: readonly Entry[], form: string): string {
    if (top.some((entry) => isTemplateKey(entry.key))) return `${form}; indent the templates below it`;
    const meant = top.find((entry) => closest(entry.key, ["templates"]) !== undefined);
    return meant === undefined ? form : `${form}; did you mean that by "${clip(meant.key)}"?`;
  }

  #readTemplate(entry: Entry, document: Document): void {
    const { key } = entry;
    if (!isTemplateKey(key)) {
      const meant = closest(key, TEMPLATE_KEYS);
      const hint = meant === undefined ? `known: ${TEMPLATE_KEYS.join(", ")}` : `did you mean ${meant}?`;
      return this.#warn(entry.offset, key, `unknown template, not used; ${hint}`);
    }
    const fields = readMapping(entry.value, document);
    if (fields === undefined) {
      const found = describeNode(resolveAlias(entry.value, document));
      return this.#refuse(entry.offset, key, `must be a mapping with the key "format", not ${found}`);
    }
    for (const field of fields) {
      if (field.key === "format") continue;
      const hint = closest(field.key, ["format"]) === undefined ? "" : '; did you mean "format"?';
      this.#warn(field.offset, key, `"${clip(field.key)}" is not used${hint}`);
    }
    const format = fields.find((field) => field.key === "format");
    if (format === undefined) return this.#refuse(entry.offset, key, 'has no "format"');
    const node = resolveAlias(format.value, document);
    if (!isText(node)) {
      return this.#refuse(format.offset, key, `"format" must be text, not ${describeNode(node)}; put it in quotes`);
    }
    this.#readFormat(key, node, format.offset);
  }

  #readFormat(key: TemplateKey, node: Scalar<string>, offset: number): void {
    // A lone surrogate ("\ud800") cannot be sent.
    const text = node.value.toWellFormed();
    if (text.trim() === "") return this.#refuse(offset, key, '"format" is empty');
    const { parts, problems } = parseFormat(text, PLACEHOLDERS[key]);
    for (const problem of problems) {
      this.#refuse(braceOffset(this.#text, node, problem.offset), key, problem.reason);
    }
    this.#templates.set(key, { text, parts });
  }

  #refuse(offset: number | undefined, key: string | undefined, reason: string): void {
    this.#problems.push(this.#at(offset, key, reason));
  }

  #warn(offset: number | undefined, key: string, reason: string): void {
    this.#warnings.push(this.#at(offset, key, reason));
  }

  #at(offset: number | undefined, key: string | undefined, reason: string): FileProblem {
    const named = key === undefined ? { reason } : { key: clip(key), reason };
    if (offset === undefined) return named;
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#text.length));
    const start = this.#lines.lineStarts[line - 1] ?? 0;
    return { line, column: [...this.#text.slice(start, start + col - 1)].length + 1, ...named };
  }
}
