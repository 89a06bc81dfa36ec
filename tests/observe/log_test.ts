import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { type LogOptions, openLog } from "../../lib/observe/log.ts";
import { makeRedactor, REDACTED } from "../../lib/observe/redact.ts";
import { ManualClock } from "../support/recording.ts";

async function opened(options: Partial<LogOptions> = {}, isTerminal = false) {
  const lines: string[] = [];
  const { log, close } = await openLog({
    level: "DEBUG",
    format: "auto",
    stream: { isTerminal, write: (line) => void lines.push(line) },
    clock: new ManualClock(),
    ...options,
  });
  return { log, close, lines };
}

Deno.test("a journal gets JSON lines with UTC instants and the priority as a field", async () => {
  const { log, close, lines } = await opened();
  log.child("outbox").child("lane").warn("a sentence with {braces}", { id: 42, level: "forged", gone: undefined });
  await close();
  log.error("after the end");
  assert.equal(lines.length, 1);
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "2026-01-15T12:00:00.000Z",
    level: "WARNING",
    priority: 4,
    room: "outbox.lane",
    message: "a sentence with {braces}",
    id: 42,
  });
});

Deno.test("a terminal gets text, in colour unless told not to, and no control characters from values", async () => {
  const plain = await opened({ colour: false }, true);
  plain.log.child("inbox").info("event stored", { id: 7, reason: "a b\x1b[2J\u009b" });
  await plain.close();
  assert.equal(
    plain.lines[0],
    '12:00:00.000 INFO     inbox        event stored  id=7 reason="a b\\u001b[2J\\u009b"\n',
  );
  const coloured = await opened({}, true);
  coloured.log.info("event stored");
  await coloured.close();
  assert.ok(coloured.lines[0]!.includes("\x1b[32m"));
});

Deno.test("lines below the level are not written, and several logs stay apart", async () => {
  const quiet = await opened({ level: "ERROR" });
  const loud = await opened();
  quiet.log.warn("quiet");
  loud.log.debug("loud");
  await quiet.close();
  loud.log.debug("loud again");
  await loud.close();
  assert.equal(quiet.lines.length, 0);
  assert.equal(loud.lines.length, 2);
});

Deno.test("with a LOG_DIR its files are there from the start, and a day without a line leaves none behind", async () => {
  const logDir = await Deno.makeTempDir();
  try {
    const clock = new ManualClock(Date.UTC(2100, 0, 1, 12));
    const { log, close } = await opened({ logDir, clock });
    const names = () => [...Deno.readDirSync(logDir)].map((entry) => entry.name).sort();
    const all = ["critical-errors.log", "signal-automation.log", "template-updates.log"];
    assert.deepEqual(names(), all);
    clock.jumpWall(24 * 60 * 60_000);
    log.child("store").critical("the database is gone");
    await close();
    assert.deepEqual(names(), all);
  } finally {
    await Deno.remove(logDir, { recursive: true });
  }
});

Deno.test("with a LOG_DIR the original's two files are written and turned daily, seven kept", async () => {
  const logDir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${logDir}/signal-automation.log.2026-01-01`, "old\n");
    const clock = new ManualClock(Date.UTC(2100, 0, 1, 12));
    const { log, close } = await opened({ logDir, clock });
    log.child("store").critical("the database is gone", { code: 1 });
    clock.jumpWall(24 * 60 * 60_000);
    log.info("a new day");
    await close();
    const names = [...Deno.readDirSync(logDir)].map((entry) => entry.name).sort();
    assert.deepEqual(names, [
      "critical-errors.log",
      "signal-automation.log",
      "signal-automation.log.2100-01-01",
      "template-updates.log",
    ]);
    assert.equal(
      await Deno.readTextFile(`${logDir}/critical-errors.log`),
      "2100-01-01 12:00:00 - store - CRITICAL - the database is gone code=1\n",
    );
    assert.match(await Deno.readTextFile(`${logDir}/signal-automation.log`), /^2100-01-02 .* INFO - a new day\n$/);
  } finally {
    await Deno.remove(logDir, { recursive: true });
  }
});

const redactor = makeRedactor({ secrets: ['pa"ss\\word', "x"] });
const PLANTED: readonly string[] = [
  "+33612345678",
  "+33 6 12 34 56 78",
  "0033612345678",
  "06 12 34 56 78",
  "AB12CD34EF56",
  "Bearer abc.def-123",
  "https://hooks.slack.com/services/T000/B000/XXXX",
  "https://user:pw@db.example/x?key=1",
  "whsec_c2VjcmV0c2VjcmV0",
  "password=hunter2",
  "signal:tel:+33612345678",
  "signal:aci:00000000-1111-2222-3333-444444444444",
  'pa"ss\\word',
  "someone@example.com",
];
const HARMLESS: readonly string[] = [
  "1768478400123",
  "2026-01-15T12:00:00.000Z",
  "order 12345678901",
  "ECONNREFUSED",
  "ER_LOCK_DEADLOCK 1213",
  "StoreUnavailable timeout: no answer within 5000 ms",
  "00000000-1111-2222-3333-444444444444",
  "0.25",
  "127.0.0.1:3306",
  "https://hooks.slack.com",
];

Deno.test("`text` leaves ids, instants, codes and counts alone", () => {
  for (const text of HARMLESS) assert.equal(redactor.text(text), text);
  assert.deepEqual(redactor.fields({ orderId: 123456789012, tokenLength: 12, attempts: 3, recipients: 4 }), {
    orderId: 123456789012,
    tokenLength: 12,
    attempts: 3,
    recipients: 4,
  });
});

Deno.test("private fields are replaced whole", () => {
  const fields = redactor.fields({
    password: "a",
    phone_number: "b",
    body: "c",
    messageText: "d",
    recipient: "e",
    url: "f",
  });
  assert.deepEqual([...new Set(Object.values(fields))], [REDACTED]);
});

Deno.test("no planted secret reaches a line, wherever it stands and in every format", async () => {
  const secretPart = (planted: string) =>
    planted.replace(
      /^(Bearer |password=|signal:(tel|aci):|https:\/\/hooks.slack.com|https:\/\/user:pw@db.example)/,
      "",
    );
  for (const isTerminal of [true, false]) {
    const { log, close, lines } = await opened({ secrets: ['pa"ss\\word'], colour: false }, isTerminal);
    const words = fc.constantFrom("sent", "id", "why:", "(", "x=", "'");
    fc.assert(fc.property(fc.constantFrom(...PLANTED), words, words, fc.boolean(), (planted, before, after, field) => {
      lines.length = 0;
      const text = `${before} ${planted} ${after}`;
      if (field) log.info("a sentence", { detail: text });
      else log.info(text);
      const found = secretPart(planted);
      assert.equal(lines[0]!.includes(found), false, lines[0]!);
      assert.equal(lines[0]!.includes(JSON.stringify(found).slice(1, -1)), false, lines[0]!);
      if (!isTerminal) JSON.parse(lines[0]!);
    }));
    await close();
  }
});

Deno.test("`text` is total and idempotent", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.constantFrom(...PLANTED, ...HARMLESS)), (text) => {
    const once = redactor.text(text);
    assert.equal(redactor.text(once), once);
  }));
});
