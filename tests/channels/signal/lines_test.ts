import assert from "node:assert/strict";
import fc from "../../support/property.ts";
import { LineSplitter, LineTooLong } from "../../../lib/channels/signal/lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a chunk with several lines gives them all, and the unfinished rest waits", () => {
  const splitter = new LineSplitter();
  assert.deepEqual(splitter.push(bytes("a\nb\nc")), ["a", "b"]);
  assert.equal(splitter.rest, "c");
  assert.deepEqual(splitter.push(bytes("d\n")), ["cd"]);
  assert.equal(splitter.rest, "");
});

Deno.test("only a line feed ends a line: U+2028, U+2029, U+0085 and carriage returns do not", () => {
  assert.deepEqual(new LineSplitter().push(bytes("a\u2028b\u2029c\u0085d\re\n")), ["a\u2028b\u2029c\u0085d\re"]);
});

Deno.test("characters cut by a chunk border arrive whole, wherever the borders are", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (
    texts,
    sizes,
  ) => {
    const lines = texts.map((text) => text.replaceAll("\n", " "));
    const all = bytes(lines.map((line) => line + "\n").join(""));
    const splitter = new LineSplitter();
    const got: string[] = [];
    for (let at = 0; at < all.length;) {
      const size = sizes.next().value!;
      got.push(...splitter.push(all.subarray(at, at + size)));
      at += size;
    }
    assert.deepEqual(got, lines);
  }));
});

Deno.test("a line above the bound is refused, finished or not, and one at the bound passes", () => {
  assert.deepEqual(new LineSplitter(3).push(bytes("abc\n")), ["abc"]);
  assert.throws(() => new LineSplitter(3).push(bytes("abcd\n")), LineTooLong);
  const splitter = new LineSplitter(3);
  splitter.push(bytes("ab"));
  assert.throws(() => splitter.push(bytes("cd")), LineTooLong);
});
