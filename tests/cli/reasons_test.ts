import assert from "node:assert/strict";
import { CHANNEL_FAULTS, MESSAGE_FAULTS, REFUSALS } from "../../lib/domain/message.ts";
import {
  DEAD_REASONS,
  DROP_TEXTS,
  FAULT_TEXTS,
  INBOUND_TEXTS,
  reasonText,
  SILENCE_TEXTS,
} from "../../lib/cli/story/reasons.ts";

Deno.test("The table has a text for every reason of the closed sets, and for no other", () => {
  assert.deepEqual(Object.keys(FAULT_TEXTS).sort(), [...CHANNEL_FAULTS, ...MESSAGE_FAULTS, ...REFUSALS].sort());
});

Deno.test("Every text is full sentences, with something to do or why there is nothing to do", () => {
  for (const { what, advice } of [...Object.values(FAULT_TEXTS), ...Object.values(INBOUND_TEXTS)]) {
    for (const sentence of [what, advice]) assert.match(sentence, /^[A-Zs].{15,}\.$/, sentence);
  }
  for (const sentence of Object.values(DROP_TEXTS)) assert.match(sentence, /^[A-Z].+\.$/);
  for (const clause of Object.values(SILENCE_TEXTS)) assert.match(clause, /^handed over/);
});

Deno.test("`reasonText()` names a reason that it does not know, and is not misled by names of objects", () => {
  assert.equal(reasonText("network"), FAULT_TEXTS.network);
  assert.equal(reasonText("decode"), INBOUND_TEXTS.decode);
  assert.match(reasonText("other").what, /other/);
  assert.match(reasonText("constructor").what, /constructor/);
  assert.match(reasonText(undefined).what, /No reason/);
});

Deno.test("--reason accepts what can kill a message or an event", () => {
  for (const reason of [...MESSAGE_FAULTS, ...REFUSALS, "decode", "automation_failed"]) {
    assert.ok(DEAD_REASONS.includes(reason), reason);
  }
});
