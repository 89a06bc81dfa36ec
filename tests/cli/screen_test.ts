import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { maskNumber, showAddress } from "../../lib/cli/screen/mask.ts";
import { painter } from "../../lib/cli/screen/paint.ts";
import { startProgress } from "../../lib/cli/screen/progress.ts";
import { renderPairs, renderTable } from "../../lib/cli/screen/table.ts";
import { formatInstant, formatSpan } from "../../lib/cli/screen/when.ts";
import { labelled, pad, truncate, widthOf, wrap } from "../../lib/cli/screen/width.ts";
import { makeAci, makeGroup, makeTel } from "../../lib/domain/address.ts";
import { ManualClock } from "../support/recording.ts";

Deno.test("widthOf() counts columns, not characters", () => {
  const cases: [string, number][] = [
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本", 4],
    ["한국", 4],
    ["ｆｕｌｌ", 8],
    ["🎴", 2],
    ["👩‍👩‍👧", 2],
    ["🇫🇷", 2],
    ["✓", 1],
    ["…", 1],
    ["–", 1],
    ["\u001b[31mred\u001b[39m", 3],
    ["a\u200bb", 2],
    ["", 0],
  ];
  for (const [text, width] of cases) assert.equal(widthOf(text), width, JSON.stringify(text));
});

Deno.test("truncate() never gives more columns than it may, and keeps what fits", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 40 }), (text, columns) => {
    const cut = truncate(text, columns);
    assert.ok(widthOf(cut) <= columns || cut === text && widthOf(text) <= columns);
    if (widthOf(text) <= columns) assert.equal(cut, text);
  }));
  assert.equal(truncate("日本語", 4), "日…");
  assert.equal(truncate("abcdef", 4), "abc…");
});

Deno.test("pad() fills on either side", () => {
  assert.equal(pad("日", 4), "日  ");
  assert.equal(pad("7", 3, "right"), "  7");
});

Deno.test("wrap() breaks at blanks, keeps long words whole, and indents what follows", () => {
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrap("one two three", 8, "  "), ["one two", "  three"]);
  assert.deepEqual(wrap("/a/very/long/path x", 6), ["/a/very/long/path", "x"]);
  assert.deepEqual(wrap("a\nb", 10), ["a", "b"]);
  assert.equal(labelled("tag", "one two three", 12), "tag  one two\n     three\n");
});

Deno.test("A table fits its width, aligns wide characters, and flattens line breaks", () => {
  const rows = [{ id: 1, name: "日本 太郎 ".repeat(20) }, { id: 200, name: "a\nb\u202e" }, { id: 3, name: "🎴🎴" }];
  const text = renderTable(
    rows,
    [
      { title: "ID", value: (row) => String(row.id), align: "right" },
      { title: "NAME", value: (row) => row.name },
      { title: "END", value: () => "x" },
    ],
    painter(false),
    40,
  );
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, 4);
  for (const line of lines) assert.ok(widthOf(line) <= 40, line);
  assert.equal(lines[2]!.includes("a b"), true);
  const ends = lines.slice(1).map((line) => widthOf(line));
  assert.equal(new Set(ends).size, 1, "the last column stands in one line");
  assert.equal(renderTable([], [{ title: "X", value: () => "" }], painter(false), 40), "");
  assert.equal(renderPairs([["a", "1"], ["long", "2"]], painter(false), 40), "a     1\nlong  2\n");
});

Deno.test("Colours are basic ones, and none when switched off", () => {
  assert.equal(painter(true).good("x"), "\u001b[32mx\u001b[39m");
  assert.equal(painter(false).good("x"), "x");
});

Deno.test("Numbers are hidden in part, addresses by kind", () => {
  assert.equal(maskNumber("+33123456789"), "+33••••••789");
  assert.equal(maskNumber("+123456"), "•••••••");
  assert.equal(showAddress(makeTel("+33199000104"), false), "+33••••••104");
  assert.equal(showAddress(makeTel("+33199000104"), true), "+33199000104");
  assert.equal(showAddress(makeAci("12345678-0000-4000-8000-000000000000"), false), "person 1234…");
  assert.match(showAddress(makeGroup(btoa("x".repeat(32))), false), /^group .{4}…$/);
});

Deno.test("Instants and spans read well", () => {
  assert.equal(formatInstant(Date.UTC(2026, 0, 31, 14, 5, 9, 7)), "2026-01-31 14:05:09Z");
  const cases: [number, string][] = [
    [-5, "0.0 s"],
    [1234, "1.2 s"],
    [61_000, "61 s"],
    [600_000, "10 min"],
    [3 * 3_600_000, "3 h"],
    [5 * 86_400_000, "5 d"],
  ];
  for (const [ms, text] of cases) assert.equal(formatSpan(ms), text);
});

Deno.test("A progress bar is drawn only on a terminal, only after a while, and removed at the end", async () => {
  for (const isTerminal of [true, false]) {
    let written = "";
    const info = { isTerminal, colour: false, columns: 80 };
    const clock = new ManualClock();
    const progress = startProgress({
      out: () => {},
      err: (text) => void (written += text),
      outInfo: info,
      errInfo: info,
      interactive: false,
      stdin: new Blob().stream(),
      ask: () => Promise.resolve(undefined),
    }, clock);
    progress.update(1, 10, "first");
    assert.equal(written, "");
    await clock.advance(1000);
    progress.update(5, 10, "half");
    progress.end();
    assert.equal(written.includes("50 %"), isTerminal);
    assert.equal(written.endsWith("\u001b[2K"), isTerminal);
  }
});
