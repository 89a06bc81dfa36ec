import assert from "node:assert/strict";
import { scanText } from "../../scripts/scan_secrets.ts";

/** Put together here, so that this file holds nothing that the scan finds. */
const REAL = [
  `-----BEGIN EC ${"PRIVATE"} KEY-----`,
  `https://hooks.slack.com/services/${"T024BE7LD"}/B024BE7LH/${"aB3dE5fG7hJ9kL1mN3pQ5rS7"}`,
  `https://discord.com/api/webhooks/${"123456789012345678"}/${"aB3dE5fG7hJ9kL1mN3pQ5rS7".repeat(2)}`,
  `DB_PASSWORD=${"x7Kq9Zr2Lm4Wt6Yb8Nc3Vd5P"}`,
  `"adminToken": "${"x7Kq9Zr2Lm4Wt6Yb8Nc3Vd5P"}"`,
  `call ${"+3361"}2983647 please`,
  `${"+49 17"}1 928 36 47`,
];
const MADE_UP = [
  "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
  `https://hooks.slack.com/services/T00000000/B00000000/${"X".repeat(24)}`,
  "DB_PASSWORD=your_secure_password_here",
  'const password = Deno.env.get("DB_PASSWORD") ?? "correct horse battery";',
  "SIGNAL_NUMBER=+33123456789 ADMIN=+33987654321",
  "+33639980001 +33 6 39 98 00 01 +44 7700 900123 +15550001234 +12025550123 +441632960001 +33600000001",
  "const sum = one+1234567890123;",
];

Deno.test("scanText() finds what must never be in a repository, with its line", () => {
  for (const text of REAL) {
    assert.deepEqual(scanText(`first\n${text}\n`).map(({ line }) => line), [2], text.slice(0, 12));
  }
});

Deno.test("scanText() leaves placeholders and fictional numbers alone", () => {
  for (const text of MADE_UP) assert.deepEqual(scanText(text), [], text);
});
