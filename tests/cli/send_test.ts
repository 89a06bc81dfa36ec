import assert from "node:assert/strict";
import { makeGroup, makeTel } from "../../lib/domain/address.ts";
import { databases } from "../support/databases.ts";
import { Shop } from "../support/shop.ts";
import { until } from "../support/until.ts";
import { goodSettings } from "./support.ts";
import { NUMBER, TEXT, withLetters } from "./letters.ts";

Deno.test("send stores one message and prints its id; the text comes from the argument or from standard input", async () => {
  await withLetters(async ({ run, store }) => {
    const typed = await run(["send", "--to", "+33 1-99 00 01 04", TEXT]);
    assert.deepEqual([typed.exit, typed.out, typed.err], [0, "1\n", ""]);
    assert.match((await run(["send", "--group", "owner", "-"])).err, /the text is empty/);
    assert.equal((await run(["send", "--group", "owner"], { stdin: "two\nlines 🙍\r\n" })).out, "2\n");
    const [one, two] = [await store.outbox.find(1), await store.outbox.find(2)];
    assert.deepEqual([one?.recipient, one?.kind, one?.state], [makeTel(NUMBER), "api", "queued"]);
    assert.equal(two?.recipient, makeGroup(goodSettings("").SIGNAL_GROUP_ID!));
    assert.deepEqual([await store.outbox.body(1), await store.outbox.body(2)], [TEXT, "two\nlines 🙍"]);
  });
});

Deno.test("with --key the same message is stored once, another one is refused", async () => {
  await withLetters(async ({ run, json, store }) => {
    const send = (text: string) => json(["send", "--to", NUMBER, "--key", "k-1", text]);
    assert.deepEqual([await send("a"), await send("a")], [{ id: 1 }, { id: 1 }]);
    const other = await run(["send", "--to", NUMBER, "--key", "k-1", "b"]);
    assert.equal(other.exit, 1);
    assert.match(other.err, /another message already[\s\S]*signal-automation explain 1\n/);
    assert.equal((await store.outbox.backlog(0)).queued, 1);
    assert.deepEqual(await json(["send", "--to", NUMBER, "a"]), { id: 2 }, "without a key each is its own");
  });
});

Deno.test("what cannot be sent is refused with what is accepted, and not repeated", async () => {
  await withLetters(async ({ run, store }) => {
    const cases: [string[], RegExp][] = [
      [["send", TEXT], /one of --to and --group/],
      [["send", "--to", NUMBER, "--group", "owner", TEXT], /one of --to and --group/],
      [["send", "--to", "0199000104", TEXT], /--to: not accepted[\s\S]*country code/],
      [["send", "--group", "Owners", TEXT], /--group: not accepted/],
      [["send", "--to", NUMBER, " "], /the text is empty/],
      [["send", "--to", NUMBER, "--key", "a b", TEXT], /--key: not accepted/],
      [["send", "--to", NUMBER, "--wait", "soon", TEXT], /--wait: not accepted/],
      [["send", "--to", NUMBER, "two", "words"], /too many arguments/],
    ];
    for (const [args, expected] of cases) {
      const { exit, out, err } = await run(args);
      assert.deepEqual([exit, out], [2, ""], args.join(" "));
      assert.match(err, expected);
      assert.ok(!err.includes(TEXT) && !err.includes("0199000104"), err);
    }
    const large = await run(["send", "--to", NUMBER], { stdin: "x".repeat(70_000) });
    assert.deepEqual([large.exit, /larger than/.test(large.err)], [2, true]);
    assert.equal((await store.outbox.backlog(0)).queued, 0);
  });
});

Deno.test("--wait tells how it ended, or that it did not in time", async () => {
  await withLetters(async ({ run, kill, store }) => {
    const late = await run(["send", "--to", NUMBER, "--wait", "1s", TEXT]);
    assert.equal(late.exit, 3);
    assert.match(late.err, /message 1 waits to be sent[\s\S]*signal-automation explain 1\n/);
    const dead = run(["send", "--to", NUMBER, "--key", "x", "--wait", "30s", "--json", "other"]);
    await until(async () => await store.outbox.find(2) !== undefined, "the message to be stored");
    await kill(2, "unregistered");
    const { exit, out } = await dead;
    assert.deepEqual([exit, JSON.parse(out)], [1, { id: 2, state: "dead", reason: "unregistered" }]);
    assert.equal((await run(["dlq", "replay", "2"])).exit, 0);
    const again = await run(["send", "--to", NUMBER, "--key", "x", "--wait", "1s", "other"]);
    assert.deepEqual([again.exit, /message 2 waits/.test(again.err)], [3, true], "its replay is what is waited for");
  });
});

for (const { name, skip } of databases()) {
  Deno.test({
    name: `${name}: beside a running service, send --wait ends when Signal accepted the message`,
    ignore: skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: name });
      await shop.start();
      const [person] = shop.strangers;
      const sent = await shop.service.command("send", "--to", person!.number, "--wait", "--json", "Hello there");
      assert.equal(sent.code, 0, sent.stderr);
      assert.equal(JSON.parse(sent.stdout).state, "accepted");
      assert.deepEqual(shop.signal.receivedBy(person!.number).map(({ body }) => body), ["Hello there"]);
    },
  });
}
