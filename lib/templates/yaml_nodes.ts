/**
 * Reading YAML nodes with their places: the library turns a document into values, or into nodes without merge keys; a
 * problem needs both.
 *
 * @module
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Scalar } from "yaml";

/** A key of a mapping with its value node (not resolved) and the place of the key in the file. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly offset: number;
}

/** Deepest chain of merges that is followed; a cycle ends there. */
const MAX_MERGE_DEPTH = 16;

/** The node that an alias stands for, or the node itself. */
export function resolveAlias(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/**
 * The entries of a mapping, those of merged mappings (`<<: *base`) behind its own and only where it has none.
 * @returns `undefined` when it is no mapping
 */
export function readMapping(node: unknown, document: Document, depth = 0): readonly Entry[] | undefined {
  const map = resolveAlias(node, document);
  if (!isMap(map) || depth > MAX_MERGE_DEPTH) return undefined;
  const entries: Entry[] = [];
  const merged: Entry[] = [];
  for (const pair of map.items) {
    const keyNode = resolveAlias(pair.key, document);
    const key = isScalar(keyNode) ? keyText(keyNode.value) : "?";
    if (key !== "<<") {
      const place = isScalar(pair.key) || isAlias(pair.key) ? pair.key.range?.[0] : undefined;
      entries.push({ key, value: pair.value, offset: place ?? map.range?.[0] ?? 0 });
      continue;
    }
    const sources = resolveAlias(pair.value, document);
    for (const source of isSeq(sources) ? sources.items : [sources]) {
      merged.push(...readMapping(source, document, depth + 1) ?? []);
    }
  }
  for (const entry of merged) {
    if (!entries.some((own) => own.key === entry.key)) entries.push(entry);
  }
  return entries;
}

/** The library reads a merge key as a symbol. */
function keyText(value: unknown): string {
  return typeof value === "symbol" ? value.description ?? "?" : String(value);
}

export function isText(node: unknown): node is Scalar<string> {
  return isScalar(node) && typeof node.value === "string";
}

/** What a node is, for "must be text, not …". */
export function describeNode(node: unknown): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  if (!isScalar(node) || node.value === null || node.value === undefined) return "nothing";
  if (typeof node.value === "string") return "text";
  return typeof node.value === "boolean" ? "true or false" : "a number";
}

/**
 * Where a brace of a scalar's value stands in the file. The n-th brace of the value is the n-th one of its source, whatever
 * quotes, folding and indentation do to the text around it.
 * @param at index of a `{` or `}` in `node.value`
 */
export function braceOffset(source: string, node: Scalar<string>, at: number): number {
  const [start, end] = node.range ?? [0, source.length];
  let before = 0;
  for (let index = 0; index < at; index++) {
    if (node.value[index] === "{" || node.value[index] === "}") before++;
  }
  const block = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
  // The header of a block (`|- # remark`) is no part of the value.
  let index = block ? source.indexOf("\n", start) + 1 : start;
  for (; index < end; index++) {
    const character = source[index];
    const escaped = node.type === "QUOTE_DOUBLE" && character === "\\";
    const isBrace = escaped
      ? ESCAPED_BRACE.test(source.slice(index, index + 10))
      : character === "{" || character === "}";
    if (isBrace && before-- === 0) return index;
    // The character behind a backslash is no quote, brace or backslash of its own.
    if (escaped) index++;
  }
  return start;
}

/** `{` or `}` as an escape of a double-quoted scalar. */
const ESCAPED_BRACE = /^\\(?:x7[bd]|u007[bd]|U0000007[bd])/i;
