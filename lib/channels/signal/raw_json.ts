/**
 * Finds the text of one member in a JSON object. What reached us is stored as it came: parsing and printing it again
 * would change numbers that JavaScript cannot hold (call ids are unsigned 64-bit, facts: signal.md §3.2).
 *
 * @module
 */

/**
 * The text of the member at `path`, without surrounding white space, exactly as it stands in `json`.
 * Of doubled keys the last counts, as for `JSON.parse`.
 * @param json text that `JSON.parse` accepts; for other text the answer means nothing, but it ends
 * @returns undefined when there is no such member
 */
export function rawMember(json: string, path: readonly string[]): string | undefined {
  let text: string | undefined = json;
  for (const key of path) {
    text = memberOf(text, key);
    if (text === undefined) return undefined;
  }
  return text.trim();
}

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c, COLON = 0x3a;

function memberOf(text: string, key: string): string | undefined {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) return undefined;
  at = skipSpace(text, at + 1);
  let found: string | undefined;
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = skipString(text, at);
    const name = text.slice(at + 1, keyEnd - 1);
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) return undefined;
    at = skipSpace(text, at + 1);
    const valueEnd = skipValue(text, at);
    if (name === key || (name.includes("\\") && unescapedName(name) === key)) found = text.slice(at, valueEnd);
    at = skipSpace(text, valueEnd);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return found;
}

function unescapedName(raw: string): string | undefined {
  try {
    return JSON.parse(`"${raw}"`);
  } catch {
    return undefined;
  }
}

/** JSON knows four kinds of white space. */
function skipSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

/** @returns the place behind the closing quote of the string that starts at `at` */
function skipString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

/** @returns the place behind the value that starts at `at` */
function skipValue(text: string, at: number): number {
  let depth = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (code === COMMA && depth === 0) return at;
    at++;
  }
  return at;
}
