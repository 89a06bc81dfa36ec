import assert from "node:assert/strict";
import fc from "../../support/property.ts";
import { isGo } from "../../../lib/automations/affiliates/match.ts";

/** Every code point that Unicode calls white space, and the byte order mark. */
const BLANKS = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
  "\u2028\u2029\u202f\u205f\u3000\ufeff";
const blanks = fc.string({ unit: fc.constantFrom(...BLANKS), maxLength: 5 });
const marks = fc.string({ unit: fc.constantFrom("!", "."), maxLength: 4 });
const word = fc.constantFrom("go", "Go", "gO", "GO");

Deno.test("isGo() takes the word in any case, with white space around it and ! or . behind it", () => {
  const go = fc.tuple(blanks, word, blanks, marks, blanks).map((parts) => parts.join(""));
  fc.assert(fc.property(go, (text) => isGo(text)));
});

Deno.test("isGo() refuses every text with another letter, digit or sign in it", () => {
  const stranger = fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 })
    .filter((text) => !/^[\s\u0085!.]*$/.test(text));
  const around = fc.tuple(blanks, stranger, word, marks).map((parts) => parts.join(""));
  const behind = fc.tuple(blanks, word, marks, stranger).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.oneof(around, behind), (text) => !isGo(text)));
});

Deno.test("isGo() on arbitrary text agrees with trimming by hand", () => {
  const expected = (text: string) => {
    let rest = [...text];
    const isBlank = (char: string | undefined) => char !== undefined && BLANKS.includes(char);
    while (isBlank(rest[0])) rest = rest.slice(1);
    while (isBlank(rest.at(-1))) rest.pop();
    while (rest.at(-1) === "!" || rest.at(-1) === ".") rest.pop();
    while (isBlank(rest.at(-1))) rest.pop();
    return rest.join("").toLowerCase() === "go";
  };
  const unit = fc.constantFrom("g", "G", "o", "O", "!", ".", " ", "\u00a0", "\n", "x", "🙂");
  fc.assert(fc.property(fc.string({ unit, maxLength: 8 }), (text) => isGo(text) === expected(text)), {
    numRuns: 2_000,
  });
});

Deno.test("isGo() refuses near misses", () => {
  const texts = [
    "",
    " ",
    "!",
    "g o",
    "goo",
    "ogo",
    "go?",
    "go,",
    "!go",
    ".go",
    "go go",
    "let's go",
    "go! now",
    "go !?",
    "ɢo",
  ];
  for (const text of texts) assert.equal(isGo(text), false, JSON.stringify(text));
});

Deno.test("isGo() takes linear time for long texts", () => {
  const long = 1_000_000;
  assert.equal(isGo("go" + " ".repeat(long) + "x"), false);
  assert.equal(isGo(" ".repeat(long) + "x"), false);
  assert.equal(isGo("go" + "!".repeat(long) + "x"), false);
  assert.equal(isGo("go" + " !".repeat(long)), false);
});
