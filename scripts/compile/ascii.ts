/**
 * The bundle in ASCII alone. The runtime uses an ASCII source where it lies; of any other it keeps a copy in the heap, with
 * two bytes for each character as soon as one of them is beyond Latin-1: 8 MiB for our 4, because of 33 characters.
 *
 * @module
 */

const BEYOND_ASCII = /[^\p{ASCII}]/gu;

/**
 * Replaces each character beyond ASCII by its escape. The bundler has escaped plain strings and templates already; what it
 * leaves are comments, regular expressions and tagged templates, where the escape means the same.
 * @throws {Error} where it would not: behind a backslash, and in the raw text of a template
 */
export function asciiOnly(bundle: string): string {
  return bundle.replace(BEYOND_ASCII, (character, at: number) => {
    const before = bundle.slice(bundle.lastIndexOf("\n", at) + 1, at);
    if (/(?<!\\)(?:\\\\)*\\$/.test(before) || /String\.raw`[^`]*$/.test(before)) {
      const line = bundle.slice(0, at).split("\n").length;
      throw new Error(`line ${line} of the bundle has ${character} where an escape would mean something else`);
    }
    // Unit by unit: two of them are one character also for a regular expression with the flag u.
    return Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join("");
  });
}
