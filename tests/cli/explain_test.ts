import assert from "node:assert/strict";
import { join } from "node:path";
import { makeGroup, makeTel } from "../../lib/domain/address.ts";
import { laneOf } from "../../lib/store/lane.ts";
import { Receipts } from "../../lib/outbox/receipts.ts";
import { RecordingCounters, RecordingLog } from "../support/recording.ts";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { goodSettings } from "./support.ts";
import { ACCOUNT, type Letters, NUMBER, OTHER, TEXT, tried, withLetters } from "./letters.ts";

type Json = Record<string, unknown>;

const codes = (story: Json) => (story.waits as { code: string }[]).map(({ code }) => code);

/** The page, which must be fit to be shown to anybody on any terminal. */
async function page(letters: Letters, ...args: string[]): Promise<string> {
  const { exit, out, err } = await letters.run(["explain", ...args]);
  assert.equal(exit, 0, err);
  assert.ok(!out.includes(NUMBER) && !out.includes(TEXT), out);
  for (const line of out.split("\n")) assert.ok(widthOf(line) <= 80 || /signal-automation/.test(line), line);
  return out;
}

async function accept(letters: Letters, id: number, attempts: number, remoteId: string, detail?: object) {
  const { store, lease } = letters;
  await store.outbox.markSending([id], lease, systemClock.nowMs());
  const attempt = tried("accepted", { remoteId, ...(detail !== undefined && { detail: JSON.stringify(detail) }) });
  await store.outbox.settleAccepted([{ id, attempts, attempt }], lease);
}

async function fail(letters: Letters, id: number, attempts: number, dueInMs: number) {
  const { store, lease } = letters;
  const nowMs = systemClock.nowMs();
  await store.outbox.markSending([id], lease, nowMs);
  const attempt = tried("retry", { reason: "unregistered" });
  await store.outbox.requeue([{ id, attempts, attempt, dueAtMs: nowMs + dueInMs }], lease);
}

Deno.test("An order's story: queued, retry, dead, replayed, accepted, read", async () => {
  await withLetters(async (letters) => {
    const { store, lease } = letters;
    const settle = (change: { accepted?: number; dead?: number }) =>
      store.orders.settle([{ orderId: 1, generation: 1, accepted: 0, dropped: 0, dead: 0, ...change }]);
    letters.order();
    assert.match(await page(letters, "order:1"), /Order 1 not looked at\n.*has not been looked at yet/);
    await store.orders.open(1, 1, 1, "open");
    const first = await letters.enqueue();
    assert.match(await page(letters, "order:1"), /Order 1 open[\s\S]*0 of 1 message accepted, 1 under way/);
    assert.match(await page(letters, String(first)), /Message 1 queued[\s\S]*Nothing holds it[\s\S]*try\s+1\s+of\s+4/);

    await fail(letters, first, 1, 30_000);
    const retry = await page(letters, String(first));
    assert.match(retry, /try 1 \(.+?\): handed over, 0\.4 s later not accepted\. The[\s\S]*no Signal account/);
    assert.match(retry, /Why it waits[\s\S]*Until[\s\S]*\(in \d+ s\)[\s\S]*try[\s\S]*2 of 4/);
    assert.deepEqual(codes(await letters.json(["explain", "1"])), ["due"]);

    await store.outbox.markSending([first], lease, systemClock.nowMs());
    const last = tried("retry", { reason: "unregistered" });
    await store.outbox.markDead(
      [{ id: first, reason: "unregistered", attempts: 4, attempt: last }],
      lease,
      last.endedAtMs,
    );
    await settle({ dead: 1 });
    assert.match(
      await page(letters, "order:1"),
      /Order 1 dead[\s\S]*1 given up[\s\S]*signal-automation dlq replay 1\n {2}signal-automation dlq drop 1\n/,
    );

    assert.equal((await letters.run(["dlq", "replay", "1"])).exit, 0);
    assert.match(await page(letters, "2"), /Message 2 queued[\s\S]*replayed +\d{4}-[\s\S]*try 2[\s\S]*replayed \(/);
    assert.match(await page(letters, "1"), /Message 2 queued[\s\S]*id before +1, replayed as 2 at \d{4}-/);
    assert.match(await page(letters, "order:1"), /Order 1 open/);

    await accept(letters, 2, 0, "5001");
    await settle({ accepted: 1 });
    await store.outbox.recordReceipts(ACCOUNT, [
      { remoteId: "5001", from: makeTel(NUMBER), kind: "delivered", atMs: systemClock.nowMs() },
      { remoteId: "5001", from: makeTel(NUMBER), kind: "read", atMs: systemClock.nowMs() },
    ]);
    const read = await page(letters, "2");
    assert.match(read, /Message 2 read[\s\S]*try 3 \(.+?\): handed over, 0\.4 s later accepted by Signal/);
    assert.match(read, /Receipts[\s\S]*delivered \(.+?\): \+33••••••104[\s\S]*read \(.+?\)/);
    const done = await page(letters, "--order", "1");
    assert.match(done, /Order 1 done\n.*flag is set: its one message was accepted[\s\S]*2 read: the notice of order 1/);

    const json = await letters.json(["explain", "2"]);
    const attempts = json.attempts as Json[];
    assert.deepEqual(attempts.map((each) => [each.number, each.beforeReplay, each.outcome, each.counted]), [
      [1, true, "retry", true],
      [2, true, "retry", true],
      [3, false, "accepted", false],
    ]);
    assert.deepEqual([json.type, json.state, json.replays, json.text], ["message", "read", 1, null]);
    const old = await letters.json(["explain", "1"]);
    assert.deepEqual(old, { ...json, waits: old.waits }, "an id before the replay tells the same story");
    assert.deepEqual((json.earlier as Json[]).map(({ id, replayedAt }) => [id, typeof replayedAt]), [[1, "string"]]);
    const order = await letters.json(["explain", "order:1"]);
    assert.deepEqual((order.messages as Json[]).map(({ id }) => id), [2], "its messages are told once");
  });
});

Deno.test("A receipt by a clock that is wrong, or that somebody made up, was given at the latest when it came", async () => {
  for (const whenMs of [2 ** 63, 9e15, 1.5, -1, Date.parse("2090-01-01")]) {
    await withLetters(async (letters) => {
      const id = await letters.enqueue();
      await accept(letters, id, 0, "5001");
      const [log, counters] = [new RecordingLog(), new RecordingCounters()];
      const receipts = new Receipts({
        ...{ store: letters.store, account: ACCOUNT, clock: systemClock, log, counters },
        onEvidence: () => {},
      });
      await receipts.start();
      const beforeMs = systemClock.nowMs();
      const from = makeTel(NUMBER);
      receipts.add([{ from, fromNumber: from, kind: "delivery", timestamps: [5001], whenMs }]);
      await counters.measurements.waitFor(({ name }) => name === "receipts_total", "the receipt");
      await receipts.stop();
      const afterMs = systemClock.nowMs();
      const story = await letters.json(["explain", String(id)]);
      const [{ at }] = story.receipts as [{ at: string }];
      assert.ok(Date.parse(at) >= beforeMs && Date.parse(at) <= afterMs, `${whenMs}: ${at}`);
      await page(letters, String(id));
    });
  }
});

Deno.test("What proved that a message was sent is told", async () => {
  await withLetters(async (letters) => {
    const cases = [
      ["receipt", /a receipt proved that it had arrived[\s\S]*accepted, as a receipt\s+proved/],
      ["transcript", /another device of the account told that it\s+was sent[\s\S]*as another\s+device/],
      ["late_answer", /its answer came late[\s\S]*the answer came late/],
    ] as const;
    for (const [reason, expected] of cases) {
      const id = await letters.enqueue();
      await letters.store.outbox.markSending([id], letters.lease, systemClock.nowMs());
      const attempt = tried("accepted", { reason, remoteId: String(9_000 + id) });
      await letters.store.outbox.settleAccepted([{ id, attempts: 0, attempt }], letters.lease);
      assert.match((await page(letters, String(id))).replace(/\n +/g, " "), expected);
    }
  });
});

Deno.test("A message that was replayed twice is found under each of its ids, until retention has removed them", async () => {
  await withLetters(async (letters) => {
    const id = await letters.enqueue();
    for (const dead of [id, id + 1]) {
      await fail(letters, dead, 3, 0);
      await letters.kill(dead, "unregistered");
      assert.equal((await letters.run(["dlq", "replay", String(dead)])).exit, 0);
    }
    for (const asked of [1, 2, 3]) {
      const text = await page(letters, String(asked));
      assert.match(text, /Message 3 queued[\s\S]*1, replayed as 2[\s\S]*2, replayed as 3/);
      assert.match(text, /try 1 [\s\S]*replayed \([\s\S]*try 2 [\s\S]*replayed \(/);
    }
    assert.ok((await letters.run(["explain", "1", "--show-text"])).out.includes(TEXT));
    letters.sql("DELETE FROM outbox_archive");
    assert.equal((await letters.run(["explain", "2"])).exit, 1);
    assert.match(await page(letters, "3"), /Message 3 queued[\s\S]*replays +2[\s\S]*replayed \(/);
  });
});

Deno.test("Numbers and texts are shown to who asks for them, and to nobody else", async () => {
  await withLetters(async (letters) => {
    const id = await letters.enqueue({ body: `${TEXT}\u001b[31m\nsecond line` });
    const event = await letters.deadEvent("e1", "automation_failed");
    for (const name of [String(id), `inbox:${event}`]) {
      await page(letters, name);
      const json = JSON.stringify(await letters.json(["explain", name]));
      assert.ok(!json.includes(NUMBER) && !json.includes(TEXT), json);
      const open = await letters.run(["explain", name, "--show-numbers", "--show-text"]);
      assert.ok(open.out.includes(NUMBER) && open.out.includes(TEXT), open.out);
      assert.ok(!open.out.includes("\u001b"));
    }
    assert.match((await letters.run(["explain", "1", "--show-text"])).out, /│ a private text[^\n]*\n {2}│ second line/);
  });
});

Deno.test("Members that a group send did not reach are named, and receipts come per member", async () => {
  await withLetters(async (letters) => {
    const group = makeGroup(goodSettings("")["SIGNAL_GROUP_ID"]!);
    const id = await letters.enqueue({ recipient: group, kind: "order_owner" });
    await accept(letters, id, 0, "7001", {
      notReached: { unregistered: [makeTel(NUMBER)], other: [null] },
    });
    await letters.store.outbox.recordReceipts(ACCOUNT, [
      { remoteId: "7001", from: OTHER, kind: "delivered", atMs: 1 },
      { remoteId: "7001", from: undefined, kind: "delivered", atMs: 2 },
    ]);
    const text = await page(letters, String(id));
    assert.match(text, /for +group ZGVt… \(the owner's group\)/);
    assert.match(text, /Members that it did not reach\n {2}• \+33••••••104: The recipient has no Signal account/);
    assert.match(text, /a member without a known address/);
    assert.match(text, /delivered \(.* ago\): \+33••••••105[\s\S]*somebody unnamed/);
    const { notReached } = await letters.json(["explain", String(id)]);
    assert.deepEqual((notReached as Json[]).map(({ who, reason }) => [who, reason]), [
      ["+33••••••104", "unregistered"],
      ["a member without a known address", "other"],
    ]);
  });
});

Deno.test("A message that waits says for what: the lane, the account's pause, pacing, no service", async () => {
  await withLetters(async (letters) => {
    const { store, lease } = letters;
    const head = await letters.enqueue();
    const behind = await letters.enqueue();
    await fail(letters, head, 1, 60_000);
    const lane = await page(letters, String(behind));
    assert.match(lane, /Message 1 to the same recipient comes first; it waits for the date[\s\S]*in \d+ s/);
    assert.match(lane, /signal-automation explain 1\n/);

    const untilMs = systemClock.nowMs() + 3_600_000;
    const pause = { untilMs, reason: "proof_required", faultsInARow: 9 };
    await store.state.put(`outbox.pause.${ACCOUNT}`, JSON.stringify(pause));
    const tokens = [[laneOf(ACCOUNT, makeTel(NUMBER)), { tokens: 0, atMs: systemClock.nowMs() }]];
    await Deno.mkdir(join(letters.folder, "run"), { recursive: true });
    await Deno.writeTextFile(
      join(letters.folder, "run", "pacing.json"),
      JSON.stringify({ format: 1, running: true, writtenAtMs: 0, intervalMs: 1, status: { buckets: tokens } }),
    );
    const paused = await page(letters, String(behind));
    assert.match(
      paused,
      /account pauses\. Signal wants a person to solve a captcha[\s\S]*breaker is open[\s\S]*9 times\s+in a row/,
    );
    assert.match(paused, /as many messages as\s+RATE_LIMIT allows/);
    assert.deepEqual(codes(await letters.json(["explain", String(behind)])), ["pause", "lane", "pacing"]);

    await store.state.put(`outbox.pause.${ACCOUNT}`, JSON.stringify({ ...pause, untilMs: systemClock.nowMs() - 1 }));
    assert.match(
      await page(letters, String(head)),
      /one message goes first to see[\s\S]*may be\s+this one\. Signal wants/,
    );

    await store.leases.release(lease);
    const alone = await page(letters, String(behind));
    assert.match(alone, /No running service sends[\s\S]*when the service runs again/);
    assert.match(alone, /signal-automation health\n/);
    assert.equal(codes(await letters.json(["explain", String(behind)]))[0], "no_service");
  });
});

Deno.test("outbox list says why each message waits, in a word, and for programs as explain does", async () => {
  await withLetters(async (letters) => {
    const { store, lease, folder } = letters;
    const head = await letters.enqueue();
    const behind = await letters.enqueue();
    const stranger = await letters.enqueue({ recipient: OTHER });
    await fail(letters, head, 1, 60_000);
    const whys = async () => {
      const { out } = await letters.run(["outbox", "list"]);
      for (const line of out.split("\n")) assert.ok(widthOf(line) <= 80, line);
      return out.split("\n").slice(1, 4).map((line) => line.replace(/^.*[0-9] (min|s) +/, ""));
    };
    const listed = async () =>
      (await letters.json(["outbox", "list"]) as unknown as Json[]).map((row) => codes(row as Record<string, unknown>));
    const explained = async () =>
      await Promise.all([head, behind, stranger].map(async (id) => codes(await letters.json(["explain", String(id)]))));

    assert.deepEqual(await whys(), ["unregistered", "behind 1", "ready"]);
    assert.deepEqual(await listed(), [["due"], ["lane"], []]);
    assert.deepEqual(await explained(), await listed());

    await Deno.writeTextFile(letters.envFile, "NEW_CONTACT_RATE_LIMIT=1\n", { append: true });
    await Deno.mkdir(join(folder, "run"), { recursive: true });
    const nowMs = systemClock.nowMs();
    const status = {
      newContacts: { tokens: 0, atMs: nowMs },
      buckets: [[laneOf(ACCOUNT, makeTel(NUMBER)), { tokens: 0, atMs: nowMs }]],
    };
    const record = { format: 1, running: true, writtenAtMs: nowMs, intervalMs: 1, status };
    await Deno.writeTextFile(join(folder, "run", "pacing.json"), JSON.stringify(record));
    await store.outbox.rememberLanes(ACCOUNT, [laneOf(ACCOUNT, makeTel(NUMBER))], nowMs);
    assert.deepEqual(await listed(), [["due", "pacing"], ["lane", "pacing"], ["new_contact"]]);
    assert.deepEqual(await explained(), await listed());

    const untilMs = nowMs + 3_600_000;
    const pause = { untilMs, reason: "rate_limited", faultsInARow: 1 };
    await store.state.put(`outbox.pause.${ACCOUNT}`, JSON.stringify(pause));
    assert.match((await letters.run(["outbox", "list"])).out, /in \d+ min {2}rate_limited\n/);
    await store.leases.release(lease);
    assert.deepEqual((await listed()).map(([first]) => first), ["no_service", "no_service", "no_service"]);
    assert.deepEqual(await explained(), await listed());
    assert.match((await letters.run(["outbox", "list"])).out, /no service/);
  });
});

Deno.test("A first message to somebody new says that new people are paced, and until when", async () => {
  await withLetters(async (letters) => {
    const id = await letters.enqueue();
    await Deno.writeTextFile(letters.envFile, "NEW_CONTACT_RATE_LIMIT=1\n", { append: true });
    await Deno.mkdir(join(letters.folder, "run"), { recursive: true });
    const newContacts = { tokens: 0, atMs: systemClock.nowMs() };
    const record = { format: 1, running: true, writtenAtMs: 0, intervalMs: 1, status: { newContacts, buckets: [] } };
    await Deno.writeTextFile(join(letters.folder, "run", "pacing.json"), JSON.stringify(record));
    assert.match(
      await page(letters, String(id)),
      /allows 1\s+new\s+person\s+an\s+hour[\s\S]*Until[\s\S]*\(in\s+60\s+min\)/,
    );
  });
});

Deno.test("A message that waits because Signal is away says so, when the instance here is the one that sends", async () => {
  await withLetters(async (letters) => {
    const id = await letters.enqueue();
    const run = join(letters.folder, "run");
    await Deno.mkdir(run, { recursive: true });
    const status = { parts: { signal: { state: "down", reason: "not_installed" } } };
    const record = { format: 1, running: true, writtenAtMs: systemClock.nowMs(), intervalMs: 60_000, status };
    await Deno.writeTextFile(join(run, "status.json"), JSON.stringify(record));
    assert.match(await page(letters, String(id)), /Nothing holds it/);
    await Deno.writeTextFile(join(run, `holder-${letters.lease.holder}`), "");
    const text = await page(letters, String(id));
    assert.match(text, /Why it waits\n.*Signal cannot be used just now \(not installed\)/);
    assert.match(text, /signal-automation doctor\n/);
    assert.doesNotMatch(text, /Nothing holds it/);
    assert.deepEqual(codes(await letters.json(["explain", String(id)])), ["signal"]);
  });
});

Deno.test("An error answer that proves nothing is told as what it is, and tries are counted as they were listed", async () => {
  await withLetters(async (letters) => {
    const { store, lease } = letters;
    const [id, behind] = [await letters.enqueue(), await letters.enqueue()];
    await store.outbox.markSending([id], lease, systemClock.nowMs());
    const attempt = tried("paused", { reason: "rate_limited", remoteId: "7" });
    await store.outbox.markUnknown([{ id, attempts: 0, attempt }], lease);
    const doubt = await page(letters, String(id));
    assert.match(doubt, /It was handed over and answered with an error, but may have arrived all the\s+same\./);
    assert.match(doubt, /sent again, since the\s+answer said that it had not gone\s+out/);
    assert.match(await page(letters, String(behind)), /comes first; it was handed over and\s+answered\s+with an error/);
    await store.outbox.resend([id], lease);
    assert.match(await page(letters, String(id)), /try\s+2;\s+of\s+the\s+4\s+that\s+may\s+fail,\s+none\s+is\s+used/);
  });
});

Deno.test("An order with a dead message and one under way tells what both wait for", async () => {
  await withLetters(async (letters) => {
    letters.order();
    await letters.store.orders.open(1, 1, 2, "open");
    const [dead, open] = [await letters.enqueue(), await letters.enqueue({ recipient: OTHER })];
    await letters.kill(dead, "unregistered");
    await letters.store.orders.settle([{ orderId: 1, generation: 1, accepted: 0, dropped: 0, dead: 1 }]);
    const text = await page(letters, "order:1");
    assert.match(text, /Order 1 dead[\s\S]*1 under way, 1 given up/);
    assert.match(text, new RegExp(`Message ${open}: Nothing holds it[\\s\\S]*What was given up stays so`));
    assert.match(text, new RegExp(`dlq replay ${dead}\\n[\\s\\S]*explain ${open}\\n`));
  });
});

Deno.test("A message without an answer says what it waits for and what its policy decides next", async () => {
  await withLetters(async (letters) => {
    const { store, lease } = letters;
    const id = await letters.enqueue();
    await store.outbox.markSending([id], lease, systemClock.nowMs());
    assert.match(await page(letters, String(id)), /Message 1 sending[\s\S]*The answer decides/);
    await store.outbox.markUnknown([{ id, attempts: 1, attempt: tried("unknown", { reason: "no_answer" }) }], lease);
    const resend = await page(letters, String(id));
    assert.match(resend, /handed over, but no answer came in time; it\s+may\s+have\s+arrived \(after 0\.4 s\)/);
    assert.match(resend, /receipt from the recipient is waited for[\s\S]*Without a receipt it is sent again and may/);
    await Deno.writeTextFile(letters.envFile, "UNKNOWN_POLICY=hold\n", { append: true });
    assert.match(
      await page(letters, String(id)),
      /becomes a dead letter: UNKNOWN_POLICY\s+for\s+order_affiliate\s+is\s+hold/,
    );
    await letters.kill(id, "unknown");
    assert.match(await page(letters, String(id)), /Ask the recipient whether it arrived/);
  });
});

Deno.test("An order says why its flag is or is not set, whatever happened to it", async () => {
  await withLetters(async (letters) => {
    const { store } = letters;
    const cases: [string, () => Promise<unknown>, RegExp][] = [
      ["held", () => store.orders.open(1, 1, 0, "held"), /order is held[\s\S]*set ORDERS_SINCE to all/],
      ["null", () => Promise.resolve(letters.sql("UPDATE orders SET notified = NULL WHERE id = 2")), /flag is NULL/],
      [
        "by others",
        () => Promise.resolve(letters.sql("UPDATE orders SET notified = TRUE WHERE id = 3")),
        /set, but not by this service/,
      ],
      ["by hand", async () => {
        await store.orders.open(4, 1, 2, "open");
        letters.sql("UPDATE orders SET notified = TRUE WHERE id = 4");
      }, /set by hand while messages were\s+still owed[\s\S]*taken back/],
      ["by hand, taken back", async () => {
        const origin = { kind: "order", key: "5", generation: 1 } as const;
        await store.orders.open(5, 1, 1, "open");
        await letters.enqueue({ origin });
        letters.sql("UPDATE orders SET notified = TRUE WHERE id = 5");
        await store.outbox.dropQueued(origin, "flagged_by_hand", systemClock.nowMs());
        await store.orders.closeByHand(5, 1);
      }, /still\s+queued\s+was\s+taken\s+back[\s\S]*dropped: the notice of order 5/],
      ["again", async () => {
        await store.orders.open(6, 1, 1, "open");
        await store.orders.settle([{ orderId: 6, generation: 1, accepted: 1, dropped: 0, dead: 0 }]);
        letters.sql("UPDATE orders SET notified = FALSE WHERE id = 6");
      }, /turned back to FALSE[\s\S]*Notification 2 is written/],
    ];
    for (let id = 1; id <= cases.length; id++) letters.order();
    for (const [at, [name, prepare, expected]] of cases.entries()) {
      await prepare();
      assert.match(await page(letters, `order:${at + 1}`), expected, name);
    }
    const held = await letters.json(["explain", "order:1"]);
    assert.deepEqual([held.type, held.state, held.notified, held.generation], ["order", "held", false, 1]);
    assert.deepEqual(held.owed, { remaining: 0, accepted: 0, dropped: 0, dead: 0 });
    assert.equal((await letters.json(["explain", "order:2"])).notified, null);
  });
});

Deno.test("Something received says who wrote it, why it is dead or waits, and what it caused", async () => {
  await withLetters(async (letters) => {
    const { store } = letters;
    const dead = await letters.deadEvent("e1", "automation_failed");
    const text = await page(letters, `inbox:${dead}`);
    assert.match(text, /Received message 1 dead[\s\S]*An automation failed[\s\S]*from +\+33••••••104/);
    await letters.run(["dlq", "replay", `inbox:${dead}`]);
    const waits = await letters.json(["explain", `inbox:${dead}`]);
    assert.deepEqual([waits.type, waits.state, codes(waits)], ["inbox", "new", ["no_service"]]);
    await store.inbox.finish(dead, systemClock.nowMs());
    await letters.enqueue({ kind: "affiliate_reply", origin: { kind: "inbound", key: String(dead), generation: 1 } });
    const done = await page(letters, `inbox:${dead}`);
    assert.match(done, /It was handled\.[\s\S]*What it caused\n {2}• 1 queued: an answer to somebody/);
    assert.match(done, /signal-automation explain 1\n/);
    const broken = await letters.deadEvent("e2", "decode");
    letters.sql(`UPDATE inbox SET body = 'no JSON' WHERE id = ${broken}`);
    assert.match(await page(letters, `inbox:${broken}`), /something that cannot be read/);
  });
});

Deno.test("What is not there is exit 1 with a way on; what is no id is exit 2 and not repeated", async () => {
  await withLetters(async (letters) => {
    for (const absent of ["99", "order:99", "inbox:99"]) {
      const { exit, err } = await letters.run(["explain", absent]);
      assert.equal(exit, 1);
      assert.match(err, /there is no (message|order|received message) 99/);
    }
    for (const args of [[NUMBER], ["order:x"], [], ["1", "--order", "1"], ["--order", NUMBER]]) {
      const { exit, err } = await letters.run(["explain", ...args]);
      assert.equal(exit, 2, args.join(" "));
      assert.ok(!err.includes(NUMBER));
    }
  });
});

Deno.test("outbox list filters by state and recipient", async () => {
  await withLetters(async (letters) => {
    const ids = [await letters.enqueue(), await letters.enqueue({ recipient: OTHER }), await letters.enqueue()];
    await letters.kill(ids[2]!, "expired");
    const list = async (...args: string[]) =>
      (await letters.json(["outbox", "list", ...args]) as unknown as Json[]).map(({ id }) => id);
    assert.deepEqual(await list(), [1, 2]);
    assert.deepEqual(await list("--state", "dead"), [3]);
    assert.deepEqual(await list("--state", "queued,dead", "--to", NUMBER), [1, 3]);
    assert.deepEqual(await list("--to", NUMBER, "--limit", "1", "--after", "1", "--state", "dead"), [3]);
    assert.match((await letters.run(["outbox", "list", "--state", "sending"])).out, /There is no such message/);
    for (const wrong of [["--state", "lost"], ["--to", "somebody"]]) {
      assert.equal((await letters.run(["outbox", "list", ...wrong])).exit, 2);
    }
  });
});
