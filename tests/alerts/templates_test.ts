import assert from "node:assert/strict";
import type { AlertTemplates } from "../../lib/alerts/port.ts";
import { BUILT_IN_TEMPLATES } from "../../lib/templates/template_set.ts";

Deno.test("the real template set is what alerts render with, in the original's words", () => {
  const { current }: AlertTemplates = { current: BUILT_IN_TEMPLATES };
  assert.equal(current.render("system_alert", { message: "a {b}" }), "🚨 SYSTEM ALERT: a {b}");
  assert.equal(current.render("webhook_alert", { message: "a" }), "⚠️ WEBHOOK ALERT: a");
});
