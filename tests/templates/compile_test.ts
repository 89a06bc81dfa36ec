import assert from "node:assert/strict";
import { describeProblem } from "../../lib/runtime/file_problem.ts";
import { compileTemplates } from "../../lib/templates/compile.ts";

function problems(text: string): string[] {
  const result = compileTemplates(text);
  assert.equal(result.ok, false, "should be refused");
  return result.ok ? [] : result.problems.map((problem) => describeProblem("f", problem));
}

function accepted(text: string): { text: string; warnings: string[] } {
  const result = compileTemplates(text);
  if (!result.ok) assert.fail(result.problems.map((problem) => describeProblem("f", problem)).join("\n"));
  return {
    text: result.value.render("system_alert", { message: "M" }),
    warnings: result.warnings.map((warning) => describeProblem("f", warning)),
  };
}

Deno.test("the place of a stray brace is exact in every kind of scalar", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["    format: a } b", "3:15"],
    ["    format: 'it''s } b'", "3:20"],
    ['    format: "\\"\\\\ \\x7b\\u007B é🙂 } b"', "3:33"],
    ["    format: |\n      é🙂 ok\n      é🙂 } b", "5:10"],
    ["    format: |2-  # } remark\n        x\n      } b", "5:7"],
    ["    format: >\n      folded\n      text } b\n\n      more", "5:12"],
    ["    format: plain\n      goes on } b", "4:15"],
    ["    format: &a !!str a } b", "3:24"],
    ["    format: |\r\n      x\r\n      } b", "5:7"],
  ];
  for (const [format, place] of cases) {
    const [problem, ...more] = problems(`templates:\n  system_alert:\n${format}\n`);
    assert.deepEqual(more, [], format);
    assert.ok(problem!.startsWith(`f:${place}: system_alert: stray }`), `${format}\n${problem}`);
  }
});

Deno.test("a byte order mark shifts nothing", () => {
  assert.match(problems("\ufefftemplates: {system_alert: {format: '}'}}")[0]!, /^f:1:37: system_alert/);
});

Deno.test("what cannot be used is refused whole, with all its problems", () => {
  assert.deepEqual(problems(""), ["f: the file is empty"]);
  assert.deepEqual(problems("# only a remark\n"), ["f: the file is empty"]);
  assert.match(problems("a: [")[0]!, /^f:1:5: invalid YAML/);
  assert.match(problems("hello")[0]!, /^f:1:1: .*mapping.*not text/);
  assert.match(problems("template:\n  a: 1")[0]!, /did you mean that by "template"/);
  assert.match(problems("system_alert: {format: x}")[0]!, /indent the templates/);
  assert.match(problems("templates:\n")[0]!, /not nothing/);
  assert.match(problems("templates: [a]")[0]!, /not a list/);
  assert.match(problems("templates:\n  system_alert: hi\n")[0]!, /^f:2:3: system_alert: must be a mapping/);
  assert.match(problems("a: 1\n---\na: 2\n")[0]!, /invalid YAML/);
  assert.match(problems("templates: {system_alert: *nobody}")[0]!, /^f:1:27: .*nobody has no anchor/);
  assert.match(problems("templates: {system_alert: {format: !x y}}")[0]!, /Unresolved tag/);
  const many = problems(
    "templates:\n  system_alert: {format: 12}\n  webhook_alert: {}\n  new_order_owner: {format: ' '}\n" +
      "  new_order_affiliate: {format: '{mesage} {x.y}'}\n",
  );
  assert.deepEqual(many.map((one) => one.slice(0, 8)), ["f:2:18: ", "f:3:3: w", "f:4:21: ", "f:5:34: ", "f:5:43: "]);
});

Deno.test("duplicate keys are refused at the second one", () => {
  assert.match(
    problems("templates:\n  system_alert: {format: a}\n  system_alert: {format: b}\n")[0]!,
    /^f:3:3: .*unique/,
  );
});

Deno.test("aliases that multiply are refused", () => {
  const level = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(", ")}]\n`;
  assert.match(problems(level("a", "x") + level("b", "*a") + level("c", "*b") + "templates: *c\n")[0]!, /alias/i);
});

Deno.test("anchors and merges are fine, and a template's own format comes first", () => {
  const base = "templates:\n  webhook_alert: &base {format: 'base {message}'}\n";
  assert.equal(accepted(`${base}  system_alert: *base\n`).text, "base M");
  assert.equal(accepted(`${base}  system_alert:\n    <<: *base\n`).text, "base M");
  assert.equal(accepted(`${base}  system_alert:\n    <<: *base\n    format: own\n`).text, "own");
});

Deno.test("what has no effect is a warning with a hint; absent keys come from the built-in set", () => {
  const { text, warnings } = accepted(
    "version: 1\ntemplates:\n  sistem_alert: {format: '}'}\n  webhook_alert: {format: x, formt: y}\n",
  );
  assert.equal(text, "🚨 SYSTEM ALERT: M");
  assert.deepEqual(warnings.length, 3);
  assert.match(warnings[1]!, /^f:3:3: sistem_alert: .*did you mean system_alert/);
  assert.match(warnings[2]!, /^f:4:30: webhook_alert: "formt" .*did you mean "format"/);
  assert.equal(accepted("templates: {}").warnings.length, 1);
});

Deno.test("a placeholder left out is fine, and so are words that YAML 1.1 read as something else", () => {
  assert.equal(accepted("templates: {system_alert: {format: yes}}").text, "yes");
  assert.equal(accepted("templates: {system_alert: {format: 12:30}}").text, "12:30");
});
