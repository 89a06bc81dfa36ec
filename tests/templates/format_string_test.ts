import assert from "node:assert/strict";
import { applySpec, parseSpec, pythonRepr } from "../../lib/templates/format_spec.ts";
import { parseFormat } from "../../lib/templates/format_string.ts";

/** Specification, value, result of Python 3.11's str.format. */
const SPECS: readonly (readonly [string, string, string])[] = [
  ["", "abc", "abc"],
  ["", "Élodie 🙂", "Élodie 🙂"],
  ["", "", ""],
  ["10", "abc", "abc       "],
  ["10", "Élodie 🙂", "Élodie 🙂  "],
  ["10", "", "          "],
  [">10", "abc", "       abc"],
  [">10", "Élodie 🙂", "  Élodie 🙂"],
  [">10", "", "          "],
  ["<10", "abc", "abc       "],
  ["<10", "Élodie 🙂", "Élodie 🙂  "],
  ["<10", "", "          "],
  ["^10", "abc", "   abc    "],
  ["^10", "Élodie 🙂", " Élodie 🙂 "],
  ["^10", "", "          "],
  ["*^9", "abc", "***abc***"],
  ["*^9", "Élodie 🙂", "Élodie 🙂*"],
  ["*^9", "", "*********"],
  ["é>6", "abc", "éééabc"],
  ["é>6", "Élodie 🙂", "Élodie 🙂"],
  ["é>6", "", "éééééé"],
  ["010", "abc", "abc0000000"],
  ["010", "Élodie 🙂", "Élodie 🙂00"],
  ["010", "", "0000000000"],
  [">010", "abc", "0000000abc"],
  [">010", "Élodie 🙂", "00Élodie 🙂"],
  [">010", "", "0000000000"],
  ["*>010", "abc", "*******abc"],
  ["*>010", "Élodie 🙂", "**Élodie 🙂"],
  ["*>010", "", "**********"],
  [".3", "abc", "abc"],
  [".3", "Élodie 🙂", "Élo"],
  [".3", "", ""],
  ["8.3", "abc", "abc     "],
  ["8.3", "Élodie 🙂", "Élo     "],
  ["8.3", "", "        "],
  [">8.3", "abc", "     abc"],
  [">8.3", "Élodie 🙂", "     Élo"],
  [">8.3", "", "        "],
  ["s", "abc", "abc"],
  ["s", "Élodie 🙂", "Élodie 🙂"],
  ["s", "", ""],
  [">10s", "abc", "       abc"],
  [">10s", "Élodie 🙂", "  Élodie 🙂"],
  [">10s", "", "          "],
  ["🙂^5", "abc", "🙂abc🙂"],
  ["🙂^5", "Élodie 🙂", "Élodie 🙂"],
  ["🙂^5", "", "🙂🙂🙂🙂🙂"],
];

/** Value, result of Python 3.11's repr. */
const REPRS: readonly (readonly [string, string])[] = [
  ["it's", '"it\'s"'],
  ['say "hi"', "'say \"hi\"'"],
  ["both ' \"", "'both \\' \"'"],
  ["a\nb\t\\\r", "'a\\nb\\t\\\\\\r'"],
  ["\u00e9\ud83d\ude42", "'\u00e9\ud83d\ude42'"],
  ["\u200d\u202e\u00a0\u2028", "'\\u200d\\u202e\\xa0\\u2028'"],
  ["\u0000\u007f\u0085", "'\\x00\\x7f\\x85'"],
  ["\udb40\udc41", "'\\U000e0041'"],
];

Deno.test("format specifications give what Python gives", () => {
  for (const [text, value, expected] of SPECS) {
    const spec = parseSpec(text);
    assert.ok(typeof spec !== "string", text);
    assert.equal(applySpec(value, spec), expected, text);
  }
});

Deno.test("pythonRepr gives what Python gives", () => {
  for (const [value, expected] of REPRS) assert.equal(pythonRepr(value), expected);
});

Deno.test("specifications for numbers are refused by name", () => {
  for (
    const [text, named] of [["d", '"d"'], [",", '","'], [".2f", '"f"'], ["+5", '"+"'], ["=5", '"="'], ["#5", '"#"'], [
      ">1001",
      "1001",
    ]] as const
  ) {
    const problem = parseSpec(text);
    assert.ok(typeof problem === "string" && problem.includes(named), `${text}: ${JSON.stringify(problem)}`);
  }
  assert.equal(typeof parseSpec(">>>x"), "string");
});

Deno.test("parseFormat reads literals, literal braces and placeholders", () => {
  const { parts, problems } = parseFormat("a{{b}}{x}{{{y!r:>3}}}", ["x", "y"]);
  assert.deepEqual(problems, []);
  assert.deepEqual(parts, [
    "a{b}",
    { name: "x", repr: false, spec: undefined },
    "{",
    { name: "y", repr: true, spec: { fill: " ", align: ">", width: 3, precision: undefined } },
    "}",
  ]);
});

Deno.test("parseFormat finds every problem, each at its brace and by its name", () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ["ab}", 2, /stray }/],
    ["ab{", 2, /without its }/],
    ["{x {x}", 0, /without its }/],
    ["{}", 0, /without a name/],
    ["{0}", 0, /position/],
    ["{x.y}", 0, /attribute access/],
    ["{x[0]}", 0, /index access/],
    ["{ x }", 0, /blanks .* write {x}/],
    ["{tiem}", 0, /did you mean {time}.*allowed here: {x} {time}/],
    ["{x!a}", 0, /"!a" .*accepted: !r, !s/],
    ["{x:{time}}", 0, /inside the format specification/],
    ["{x:.2f}", 0, /"f" is for numbers/],
  ];
  for (const [text, offset, reason] of cases) {
    const { problems } = parseFormat(text, ["x", "time"]);
    assert.equal(problems.length, 1, `${text}: ${JSON.stringify(problems)}`);
    assert.equal(problems[0]!.offset, offset, text);
    assert.match(problems[0]!.reason, reason, text);
  }
  assert.deepEqual(parseFormat("} {a} {b", []).problems.map((one) => one.offset), [0, 2, 6]);
});
