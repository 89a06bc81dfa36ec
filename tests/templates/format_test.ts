import assert from "node:assert/strict";
import { formatDate, formatTime, formatTotal, oneLine, orNA, severalLines } from "../../lib/templates/format.ts";

Deno.test("time and date follow the zone across both changes in Paris, and far away", () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["2026-03-29T00:59:59Z", "Europe/Paris", "2026-03-29", "01:59:59"],
    ["2026-03-29T01:00:00Z", "Europe/Paris", "2026-03-29", "03:00:00"],
    ["2026-10-25T00:59:59Z", "Europe/Paris", "2026-10-25", "02:59:59"],
    ["2026-10-25T01:00:00Z", "Europe/Paris", "2026-10-25", "02:00:00"],
    ["2026-12-31T23:30:00.999Z", "Europe/Paris", "2027-01-01", "00:30:00"],
    ["2026-01-01T00:00:00Z", "Pacific/Kiritimati", "2026-01-01", "14:00:00"],
    ["2026-01-01T00:00:00Z", "America/St_Johns", "2025-12-31", "20:30:00"],
    ["2026-07-01T12:00:00Z", "UTC", "2026-07-01", "12:00:00"],
  ];
  for (const [instant, zone, date, time] of cases) {
    assert.deepEqual([formatDate(Date.parse(instant), zone), formatTime(Date.parse(instant), zone)], [date, time]);
  }
  assert.deepEqual([formatTime(NaN, "UTC"), formatDate(0, "No/Where")], ["N/A", "N/A"]);
});

Deno.test("totals are exact decimal text", () => {
  const cases: readonly (readonly [string | undefined, string, string])[] = [
    ["12.50", "EUR", "12.50€"],
    ["12.5", "EUR", "12.50€"],
    ["0", "EUR", "0.00€"],
    ["0.00", "EUR", "0.00€"],
    ["-0.001", "EUR", "0.00€"],
    ["-3.1", "EUR", "-3.10€"],
    [undefined, "EUR", "N/A"],
    ["abc", "EUR", "N/A"],
    ["", "EUR", "N/A"],
    ["0.285", "EUR", "0.29€"],
    ["1.005", "EUR", "1.01€"],
    ["-1.005", "EUR", "-1.01€"],
    ["99999999999999999999999999999999.99", "EUR", "99999999999999999999999999999999.99€"],
    ["1.5e3", "EUR", "1500.00€"],
    ["25e-4", "EUR", "0.00€"],
    ["1e9999", "EUR", "N/A"],
    ["12.5", "USD", "12.50 USD"],
    ["1234.5", "JPY", "1235 JPY"],
    ["1.2", "TND", "1.200 TND"],
    ["1.2", "?", "1.20 ?"],
  ];
  for (const [total, currency, expected] of cases) assert.equal(formatTotal(total, currency), expected, `${total}`);
});

Deno.test("orNA stands in for what is absent or blank", () => {
  assert.deepEqual([orNA(undefined), orNA(""), orNA(" \n"), orNA(" a ")], ["N/A", "N/A", "N/A", " a "]);
});

Deno.test("oneLine removes what could forge or disguise a line and keeps what people write", () => {
  assert.equal(oneLine("a\r\nb\nc\rd\ve\ff\u0085g\u2028h\u2029i\tj"), "a b c d e f g h i j");
  assert.equal(oneLine("\u0000\u001b[31mx\u007f\u009b\u202e\u2066y\u2069"), "[31mxy");
  assert.equal(oneLine("\ud800"), "\ufffd");
  for (const kept of ["👩‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🙍♂️", "e\u0301", "שלום\u200f עולם", "می‌خواهم", "{x} }} %s"]) {
    assert.equal(oneLine(kept), kept);
  }
  assert.equal(severalLines("a\r\nb\u202e\u2029c"), "a\nb\nc");
});
