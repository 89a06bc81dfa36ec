/**
 * The compiled templates: what the rest of the program renders with.
 *
 * @module
 */
import { BUILT_IN, PLACEHOLDERS, TEMPLATE_KEYS, type TemplateKey, type ValuesOf } from "./catalog.ts";
import { oneLine, severalLines } from "./format.ts";
import { applySpec, pythonRepr } from "./format_spec.ts";
import { parseFormat, type Part } from "./format_string.ts";

/** A template whose text was read without a problem. */
export interface CompiledTemplate {
  readonly text: string;
  readonly parts: readonly Part[];
}

/** A template, for people. */
export interface TemplateInfo {
  readonly key: TemplateKey;
  /** Allowed placeholders. */
  readonly placeholders: readonly string[];
  readonly source: "file" | "builtin";
  /** As written, placeholders in braces. */
  readonly text: string;
}

/**
 * A full set: every key has a template. Immutable; consumers take `templates: { readonly current: TemplateSet }` and read
 * `current` anew for each message, so that a changed file takes effect.
 */
export class TemplateSet {
  readonly #own: ReadonlyMap<TemplateKey, CompiledTemplate>;

  /** @param own templates from a file; keys that it does not have come from the built-in set */
  constructor(own: ReadonlyMap<TemplateKey, CompiledTemplate> = new Map()) {
    this.#own = own;
  }

  /**
   * The final text of a message. Cannot fail, is never empty and never ends in white space: block scalars (`|`) end in a
   * line break, which a phone would show as an empty line.
   *
   * Values are inserted once and never read as template text. Each is kept inside its line ({@link oneLine}); `message`,
   * which is our own text, may have several lines.
   */
  render<K extends TemplateKey>(key: K, values: ValuesOf<K>): string {
    const text = renderParts((this.#own.get(key) ?? builtIn(key)).parts, values).trimEnd();
    // A template of placeholders alone whose values are all blank. The built-in ones all have words of their own.
    return text === "" ? renderParts(builtIn(key).parts, values).trimEnd() : text;
  }

  /** Every template, in the catalogue's order. */
  list(): readonly TemplateInfo[] {
    return TEMPLATE_KEYS.map((key) => ({
      key,
      placeholders: PLACEHOLDERS[key],
      source: this.#own.has(key) ? "file" : "builtin",
      text: (this.#own.get(key) ?? builtIn(key)).text,
    }));
  }
}

/** The set used without a file, and until a first good one was read. */
export const BUILT_IN_TEMPLATES = new TemplateSet();

const builtInCache = new Map<TemplateKey, CompiledTemplate>();

function builtIn(key: TemplateKey): CompiledTemplate {
  let compiled = builtInCache.get(key);
  if (compiled === undefined) {
    compiled = { text: BUILT_IN[key], parts: parseFormat(BUILT_IN[key], PLACEHOLDERS[key]).parts };
    builtInCache.set(key, compiled);
  }
  return compiled;
}

function renderParts(parts: readonly Part[], values: Readonly<Record<string, string>>): string {
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const raw = values[part.name] ?? "";
    // A repr escapes every control character itself, and shows them as Python does.
    const value = part.repr ? pythonRepr(raw) : part.name === "message" ? severalLines(raw) : oneLine(raw);
    text += part.spec === undefined ? value : applySpec(value, part.spec);
  }
  return text;
}
