import assert from "node:assert/strict";
import type { CliContext } from "../../lib/cli/command.ts";
import { inSteps, MOST_NAMES } from "../../lib/cli/commands/dlq_select.ts";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { type Letters, NUMBER, OTHER, TEXT, withLetters } from "./letters.ts";

const DAY_MS = 86_400_000;

/** Two messages and an event that are dead, one message that waits. */
async function someDead(letters: Letters): Promise<{ old: number; young: number; event: number; waiting: number }> {
  const old = await letters.enqueue();
  const young = await letters.enqueue();
  await letters.kill(old, "unregistered", systemClock.nowMs() - 3 * DAY_MS);
  // Not in the same millisecond as the event: then either may stand first.
  await letters.kill(young, "expired", systemClock.nowMs() - 1_000);
  const event = await letters.deadEvent("e1", "automation_failed");
  return { old, young, event, waiting: await letters.enqueue({ recipient: OTHER }) };
}

const refsOf = (rows: unknown) => (rows as { ref: string }[]).map(({ ref }) => ref);

Deno.test("dlq list shows both directions, newest first, without numbers and texts, within 80 columns", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const { exit, out } = await letters.run(["dlq", "list"]);
    assert.equal(exit, 0);
    assert.match(out, /^ +ID {2}MESSAGE[\s\S]*inbox:1 {2}inbound[\s\S]* 1 {2}order_affiliate 1 {2}\+33••••••104/);
    assert.ok(!out.includes(NUMBER) && !out.includes(TEXT));
    for (const line of out.split("\n")) assert.ok(widthOf(line) <= 80, line);
    assert.ok((await letters.run(["dlq", "list", "--show-numbers"])).out.includes(NUMBER));
    const more = await letters.run(["dlq", "list", "--limit", "2"]);
    assert.match(
      more.out,
      /There are older ones \(3 dead letters in all\): signal-automation dlq list --limit 2 .*--before 2,inbox:1\n/,
    );
  });
});

Deno.test("Pages of dlq list have every dead letter once, whatever died first", async () => {
  await withLetters(async (letters) => {
    const nowMs = systemClock.nowMs();
    // Ids and dates of death disagree: the one that was tried longest died last.
    for (const minutesAgo of [1, 50, 20, 40, 30]) {
      await letters.kill(await letters.enqueue(), "expired", nowMs - minutesAgo * 60_000);
    }
    await letters.deadEvent("e1", "decode");
    await letters.deadEvent("e2", "decode");
    const seen: string[] = [];
    for (let page = 1, more = ""; page <= 4; page++) {
      const args = ["dlq", "list", "--limit", "2", ...more.split(" ").filter((word) => word !== "")];
      const { out, err } = await letters.run([...args, "--json"]);
      seen.push(...refsOf(JSON.parse(out)));
      more = /(--before \S+) --json\n$/.exec(err)?.[1] ?? "";
      assert.equal(more === "", page === 4, err);
    }
    assert.deepEqual(seen, ["inbox:2", "inbox:1", "5", "4", "3", "2", "1"]);
    for (const wrong of ["order:1", "1,2", "x", "inbox:1,inbox:2"]) {
      assert.equal((await letters.run(["dlq", "list", "--before", wrong])).exit, 2, wrong);
    }
  });
});

Deno.test("dlq drop names what somebody else replayed while the question stood", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const onAsk = () => letters.sql("UPDATE outbox SET state = 'queued' WHERE id = 1; UPDATE inbox SET state = 'new'");
    const args = ["dlq", "drop", "1", "2", "inbox:1", "--json"];
    const { exit, out } = await letters.run(args, { answers: ["y"], onAsk });
    const { dropped, notDead, counts } = JSON.parse(out);
    assert.deepEqual([exit, dropped, notDead], [1, { messages: 1, inbound: 0 }, ["1", "inbox:1"]]);
    assert.deepEqual(counts, { dropped: 1, notDead: 2 });
  });
});

Deno.test("dlq list --json says for each what it is, why, and since when", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const rows = await letters.json(["dlq", "list"]) as unknown as Record<string, unknown>[];
    assert.deepEqual(refsOf(rows), ["inbox:1", "2", "1"]);
    const { createdAt, diedAt, meaning, ...first } = rows.at(-1)!;
    assert.deepEqual(first, {
      id: 1,
      ref: "1",
      direction: "outbound",
      state: "dead",
      kind: "order_affiliate",
      origin: { kind: "order", key: "1", generation: 1 },
      to: "+33••••••104",
      attempts: 4,
      replays: 0,
      reason: "unregistered",
    });
    assert.ok(!Number.isNaN(Date.parse(String(createdAt))) && !Number.isNaN(Date.parse(String(diedAt))));
    assert.match(String(meaning), /no Signal account/);
  });
});

Deno.test("Filters combine, and a value that nothing can match is refused with what is accepted", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const list = async (...args: string[]) => refsOf(await letters.json(["dlq", "list", ...args]));
    assert.deepEqual(await list("--reason", "expired"), ["2"]);
    assert.deepEqual(await list("--older-than", "2d"), ["1"]);
    assert.deepEqual(await list("--older-than", "2d", "--reason", "expired"), []);
    assert.deepEqual(await list("--reason", "automation_failed", "--channel", "signal"), ["inbox:1"]);
    assert.match((await letters.run(["dlq", "list", "--reason", "decode"])).out, /no dead letters that fit/);
    for (const wrong of [["--reason", "no"], ["--channel", "fax"], ["--older-than", "2 days"], ["--limit", "0"]]) {
      const { exit, err } = await letters.run(["dlq", "list", ...wrong]);
      assert.equal(exit, 2, wrong.join(" "));
      assert.match(err, /accepted: /);
    }
  });
});

Deno.test("dlq show tells one in full, refuses what is not dead, and does not know what is not there", async () => {
  await withLetters(async (letters) => {
    const { waiting } = await someDead(letters);
    const message = await letters.run(["dlq", "show", "1"]);
    assert.equal(message.exit, 0);
    assert.match(message.out, /no Signal account[\s\S]*signal-automation dlq replay 1\n/);
    assert.match((await letters.run(["dlq", "show", "inbox:1"])).out, /An automation failed[\s\S]*replay inbox:1/);
    const alive = await letters.run(["dlq", "show", String(waiting)]);
    assert.equal(alive.exit, 1);
    assert.match(alive.err, /no dead letter, its state is queued/);
    assert.equal((await letters.run(["dlq", "show", "99"])).exit, 1);
    for (const wrong of ["order:1", "x", "0", "-1"]) {
      assert.equal((await letters.run(["dlq", "show", "--", wrong])).exit, 2, wrong);
    }
  });
});

Deno.test("dlq replay of named ids asks nothing, gives new ids, and names what is not dead", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const done = await letters.json(["dlq", "replay", "1", "inbox:1", "1"]);
    assert.deepEqual(done, {
      replayed: [{ id: 1, newId: 4 }],
      inbound: ["inbox:1"],
      refused: [],
      notDead: [],
      counts: { replayed: 1, inbound: 1, refused: 0, notDead: 0 },
      limit: 3,
    });
    assert.equal((await letters.store.outbox.find(4))?.state, "queued");
    assert.equal((await letters.store.inbox.find(1))?.state, "new");
    const again = await letters.run(["dlq", "replay", "1", "inbox:1"]);
    assert.equal(again.exit, 1);
    assert.match(again.out, /Not dead \(any more\): 1, inbox:1\./);
  });
});

Deno.test("dlq replay refuses a message that was replayed DLQ_MAX_RETRIES times, and replays the others", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    letters.sql("UPDATE outbox SET replays = 3 WHERE id = 1");
    const { exit, out } = await letters.run(["dlq", "replay", "--all", "--yes"]);
    assert.equal(exit, 1);
    assert.match(out, /✓ {2}1 message queued again/);
    assert.match(out, /✓ {2}1 received message will be handled again/);
    assert.match(out, /! {2}1 message refused, already replayed 3 times[\s\S]*DLQ_MAX_RETRIES/);
    assert.deepEqual(refsOf(await letters.json(["dlq", "list"])), ["1"]);
  });
});

Deno.test("dlq drop gives up for good, records why, and the order that waited for it gets its flag", async () => {
  await withLetters(async (letters) => {
    const order = letters.order();
    await letters.store.orders.open(order, 1, 1, "open");
    const id = await letters.enqueue();
    await letters.kill(id, "unregistered");
    await letters.store.orders.settle([{ orderId: order, generation: 1, accepted: 0, dropped: 0, dead: 1 }]);
    const done = await letters.json(["dlq", "drop", String(id), "--reason", "called the customer", "--yes"]);
    assert.deepEqual(done, {
      dropped: { messages: 1, inbound: 0 },
      notDead: [],
      counts: { dropped: 1, notDead: 0 },
      note: "called the customer",
    });
    assert.match(
      (await letters.run(["explain", String(id)])).out,
      /dropped and is not owed any more: called the customer/,
    );
    assert.match((await letters.run(["explain", `order:${order}`])).out, /flag is set: 0 messages accepted, 1 dropped/);
    const event = await letters.deadEvent("e2", "decode");
    assert.equal((await letters.run(["dlq", "drop", `inbox:${event}`, "--yes"])).exit, 0);
    assert.equal((await letters.store.inbox.find(event))?.reason, "dropped by hand");
    assert.equal((await letters.run(["dlq", "drop", String(id), "--yes"])).exit, 1);
  });
});

Deno.test("Without a person and without --yes nothing is changed, exit 2, and the way out is said", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    for (const args of [["dlq", "drop", "1"], ["dlq", "drop", "--all"], ["dlq", "replay", "--reason", "expired"]]) {
      const { exit, err } = await letters.run(args);
      assert.equal(exit, 2, args.join(" "));
      assert.match(err, /add --yes/);
    }
    assert.equal(refsOf(await letters.json(["dlq", "list"])).length, 3);
  });
});

Deno.test("A person is asked with the number of dead letters; only yes changes something", async () => {
  await withLetters(async (letters) => {
    await someDead(letters);
    const no = await letters.run(["dlq", "drop", "--all"], { answers: [""] });
    assert.equal(no.exit, 2);
    assert.match(no.err, /Drop 3 dead letters for good\? \[y\/N\][\s\S]*nothing was changed/);
    assert.equal(refsOf(await letters.json(["dlq", "list"])).length, 3);
    assert.equal((await letters.run(["dlq", "replay", "--all"], { answers: ["y"] })).exit, 0);
    assert.equal(refsOf(await letters.json(["dlq", "list"])).length, 0);
    // Nothing fits: there is nothing to ask, and nothing went wrong.
    const none = await letters.run(["dlq", "drop", "--all"]);
    assert.deepEqual([none.exit, none.out], [0, "There are no dead letters that fit.\n"]);
  });
});

Deno.test("Ids, filters and --all do not mix, and one of them is needed", async () => {
  await withLetters(async (letters) => {
    for (
      const args of [
        ["replay"],
        ["drop"],
        ["replay", "1", "--all"],
        ["replay", "1", "--reason", "expired"],
        [
          "drop",
          "--all",
          "--older-than",
          "1d",
        ],
        ["drop", "1", "--channel", "signal"],
        ["replay", "one"],
        ["drop", "order:1"],
        ["drop", "1", "--note", " "],
      ]
    ) {
      const { exit, out } = await letters.run(["dlq", ...args, "--yes"]);
      assert.deepEqual([exit, out], [2, ""], args.join(" "));
    }
  });
});

Deno.test("A thousand dead letters of one recipient are replayed in their old order, with a bar on a terminal", async () => {
  await withLetters(async (letters) => {
    const origin = (n: number) => ({ kind: "api" as const, key: String(n), generation: 1 });
    for (let n = 0; n < 1_200; n++) await letters.enqueue({ kind: "api", origin: origin(n) });
    letters.sql("UPDATE outbox SET state = 'dead', reason = 'expired', marked_at_ms = 1");
    // Each look at this clock is a second later: work that takes long.
    let atMs = 0;
    const clock = { ...systemClock, monotonicMs: () => atMs += 1_000 };
    const { exit, out, err } = await letters.run(["dlq", "replay", "--all", "--yes"], { terminalColumns: 80, clock });
    assert.equal(exit, 0);
    assert.match(err, /█+░+ +8 % {2}messages[\s\S]*100 %/);
    assert.match(out, /1,200 messages queued again/);
    const queued = await letters.store.outbox.list({ states: ["queued"], limit: 2_000 });
    assert.deepEqual(queued.map((row) => Number(row.origin.key)), Array.from({ length: 1_200 }, (_, n) => n));
  });
});

Deno.test("Of ten thousand and more all are dropped and counted, and --json names no more than it may", async () => {
  await withLetters(async (letters) => {
    await letters.enqueue();
    const copies = MOST_NAMES + 1_500;
    letters.sql(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${copies})
      INSERT INTO outbox (state, reason, account, lane, due_at_ms, expires_at_ms, replays, kind, origin_kind, origin_key,
        origin_generation, created_at_ms, marked_at_ms, recipient, body)
      SELECT 'dead', 'expired', account, lane, 0, 0, 3, 'api', 'api', i, 1, 1, 1, recipient, 'b' FROM outbox, n`);
    const refused = await letters.json(["dlq", "replay", "--all", "--yes"]);
    assert.equal((refused.refused as unknown[]).length, MOST_NAMES);
    assert.deepEqual(refused.counts, { replayed: 0, inbound: 0, refused: copies, notDead: 0 });
    const { counts } = await letters.json(["dlq", "drop", "--reason", "expired", "--yes"]);
    assert.deepEqual(counts, { dropped: copies, notDead: 0 });
    assert.deepEqual(await letters.json(["dlq", "list"]), []);
  });
});

Deno.test("When the database goes away in the middle, what is done stays done and that is said", async () => {
  let err = "";
  const terminal = { err: (text: string) => err += text, errInfo: { isTerminal: false, colour: false, columns: 80 } };
  const context = { terminal, clock: systemClock } as unknown as CliContext;
  const gone = new StoreUnavailable("unreachable", "gone");
  const failing = inSteps(context, 1_500, (update) => {
    update(100, "messages");
    return Promise.reject(gone);
  });
  await assert.rejects(failing, gone);
  assert.match(err, /^100 of 1,500 were done and stay so/);
});
