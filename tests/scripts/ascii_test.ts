import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { asciiOnly } from "../../scripts/compile/ascii.ts";

Deno.test("`asciiOnly()` leaves a program that computes the same", () => {
  const character = fc.constantFrom("a", " ", "é", "\u{a0}", "“", "…", "💸", "é".normalize("NFD"));
  fc.assert(fc.property(fc.string({ unit: character, maxLength: 20 }), fc.constantFrom("", "u", "v"), (text, flags) => {
    const program = `/* ${text} */ const tag = (parts) => parts[0]; // ${text}
      [/^${text}$/${flags}.test(said), /^[${text}]*$/u.test(said), tag\`${text}\`, "${text}"]`;
    const ascii = asciiOnly(program);
    assert.match(ascii, /^\p{ASCII}*$/u);
    const run = (source: string) => new Function("said", source.replace("\n      [", "\n return ["))(text);
    assert.deepEqual(run(ascii), run(program));
  }));
});

Deno.test("`asciiOnly()` refuses what an escape would change, and says where", () => {
  assert.throws(() => asciiOnly("1;\n/\\«/"), /^Error: line 2 of the bundle has « /);
  assert.throws(() => asciiOnly("String.raw`a é`"), /^Error: line 1 of the bundle has é /);
  assert.equal(asciiOnly("/\\\\«/"), "/\\\\\\u00ab/");
});
