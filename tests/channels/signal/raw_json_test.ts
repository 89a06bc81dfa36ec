import assert from "node:assert/strict";
import fc from "../../support/property.ts";
import { rawMember } from "../../../lib/channels/signal/raw_json.ts";

Deno.test("the text of a member is found as it stands, numbers beyond 2^53 and U+2028 included", () => {
  const inner = '{ "id":18446744073709551615, "text":"a\u2028b \\"}\\\\ 🙂" }';
  assert.equal(
    rawMember(`{"x":[{"params":1}],"params":{"s":0,"result":${inner} ,"z":"}"}}`, ["params", "result"]),
    inner,
  );
});

Deno.test("of doubled keys the last counts, escaped keys are recognised, absent ones give undefined", () => {
  assert.equal(rawMember('{"a":1,"a":2}', ["a"]), "2");
  assert.equal(rawMember('{"\\u0061":3}', ["a"]), "3");
  assert.equal(rawMember('{"b":3}', ["a"]), undefined);
  assert.equal(rawMember("[1]", ["a"]), undefined);
});

Deno.test("rawMember() agrees with JSON.parse for every object", () => {
  fc.assert(fc.property(
    fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()),
    fc.constantFrom(undefined, 1, "\t"),
    (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      for (const key of Object.keys(value)) {
        const raw = rawMember(text, [key]);
        assert.ok(raw !== undefined);
        assert.deepEqual(JSON.parse(raw), JSON.parse(JSON.stringify(value[key])));
      }
    },
  ));
});

Deno.test("rawMember() ends for any text", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (text, key) => {
    rawMember(`{"${key}":${text}`, [key]);
    rawMember(text, [key]);
  }));
});
