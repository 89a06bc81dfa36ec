import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { BUILT_IN, PLACEHOLDERS, SAMPLE_VALUES, TEMPLATE_KEYS } from "../../lib/templates/catalog.ts";
import { compileTemplates } from "../../lib/templates/compile.ts";
import { BUILT_IN_TEMPLATES, type TemplateSet } from "../../lib/templates/template_set.ts";

function compiled(format: string, key = "system_alert"): TemplateSet {
  const result = compileTemplates(JSON.stringify({ templates: { [key]: { format } } }));
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

Deno.test("templates/templates.yaml shows exactly the built-in set", async () => {
  const result = compileTemplates(await Deno.readTextFile(new URL("../../templates/templates.yaml", import.meta.url)));
  assert.ok(result.ok);
  assert.deepEqual(result.warnings, []);
  for (const one of result.value.list()) {
    assert.equal(one.source, "file");
    assert.equal(one.text.trimEnd(), BUILT_IN[one.key]);
  }
});

Deno.test("every built-in template uses exactly its placeholders and renders", () => {
  for (const key of TEMPLATE_KEYS) {
    const text = BUILT_IN_TEMPLATES.render(key, SAMPLE_VALUES);
    for (const name of PLACEHOLDERS[key]) assert.ok(text.includes(SAMPLE_VALUES[name]), `${key} ${name}`);
  }
  assert.equal(
    BUILT_IN_TEMPLATES.render("affiliate_registration_success", { link: "https://x.example/a", token: "ABC" }),
    "Inscription confirmée - Votre lien affilié: https://x.example/a?ABC",
  );
});

Deno.test("values are inserted once: braces in them come through verbatim, whatever the template", () => {
  const text = fc.string({ unit: "binary" });
  const inert = fc.string({ unit: fc.constantFrom("{", "}", "a", "{message}", "{0}", "$&", "%s", "é", "👨‍👩‍👧") });
  fc.assert(fc.property(inert, inert, (before, value) => {
    const set = compiled(`<${before.replaceAll("{", "{{").replaceAll("}", "}}")}|{message}>`);
    assert.equal(set.render("system_alert", { message: value }), `<${before}|${value}>`);
  }));
  fc.assert(fc.property(text, fc.constantFrom(...TEMPLATE_KEYS), (value, key) => {
    const values = Object.fromEntries(Object.keys(SAMPLE_VALUES).map((name) => [name, value]));
    const body = BUILT_IN_TEMPLATES.render(key, values as typeof SAMPLE_VALUES);
    assert.ok(body.length > 0 && body.isWellFormed() && body === body.trimEnd());
  }));
});

Deno.test("compiling never throws, and what compiles renders", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "{message}",
    "{message!r}",
    "{message:>4}",
    "{message:.1}",
    "x",
    "\n",
    " ",
    ":",
    "!",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), fc.string(), (pieces, value) => {
    const result = compileTemplates(JSON.stringify({ templates: { system_alert: { format: pieces.join("") } } }));
    if (!result.ok) {
      return assert.ok(result.problems.every((problem) => problem.line === 1 && problem.column !== undefined));
    }
    const body = result.value.render("system_alert", { message: value });
    assert.ok(body !== "" && body === body.trimEnd());
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void compileTemplates(text)));
});

Deno.test("a value cannot forge a line; an alert text may have several", () => {
  const values = { ...SAMPLE_VALUES, client: "Eve\r\n💰 Total: 0.00€\u2028x\u202ey" };
  const lines = BUILT_IN_TEMPLATES.render("new_order_owner", values).split(/[\n\r\u2028]/);
  assert.equal(lines.length, 6);
  assert.equal(lines[4], "🙍♂️ Client: Eve 💰 Total: 0.00€ xy");
  assert.equal(BUILT_IN_TEMPLATES.render("system_alert", { message: "a\r\nb" }), "🚨 SYSTEM ALERT: a\nb");
  assert.equal(
    compiled("{client!r}", "new_order_owner").render("new_order_owner", { ...values, client: "a\nb" }),
    "'a\\nb'",
  );
});

Deno.test("a body is never empty and never ends in white space", () => {
  assert.equal(compiled("hi {message}\n \n").render("system_alert", { message: "x  " }), "hi x");
  assert.equal(compiled("{message}").render("system_alert", { message: " " }), "🚨 SYSTEM ALERT:");
});
