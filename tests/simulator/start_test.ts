import assert from "node:assert/strict";
import { ACCOUNT, manual, OTHER_ACCOUNT, Run, world } from "./harness.ts";
import { MemoryWorld } from "../../lib/simulator/memory_world.ts";

Deno.test("row 1: a global option after the subcommand is exit 1, named on stderr, with nothing on stdout", async () => {
  for (const command of ["receive", "jsonRpc", "listAccounts"]) {
    await using run = new Run(world(), ["-a", ACCOUNT, command, "--output=json"]);
    assert.equal(await run.done(), 1);
    assert.deepEqual(run.raw, []);
    assert.match(run.stderr, /'--output=json'/);
  }
});

Deno.test("row 5: a value with a dash is taken for an option, and --message= is the way around", async () => {
  await using bad = new Run(world(), ["-a", ACCOUNT, "send", ACCOUNT, "-m", "-x"]);
  assert.equal(await bad.done(), 1);
  assert.match(bad.stderr, /expected one argument/);
  await using good = new Run(world(), ["-a", ACCOUNT, "send", ACCOUNT, "--message=-x"]);
  assert.notEqual(await good.done(), 1);
});

Deno.test("row 6: --version answers without an account and while the account is locked", async () => {
  await using none = new Run(new MemoryWorld({}), ["--version"]);
  assert.equal(await none.done(), 0);
  assert.deepEqual(none.raw, ["signal-cli 0.14.6"]);
  const locked = world();
  await using holder = manual(locked);
  await holder.call("version");
  await using second = new Run(locked, ["-a", ACCOUNT, "--version"]);
  assert.equal(await second.done(), 0);
});

Deno.test("row 7: an unknown or unregistered account is exit 1 with text on stderr alone, also for jsonRpc", async () => {
  const unregistered = world({ accounts: [{ number: ACCOUNT, registered: false }] });
  for (const [where, number] of [[world(), OTHER_ACCOUNT], [unregistered, ACCOUNT]] as const) {
    await using run = new Run(where, ["-a", number, "jsonRpc"]);
    assert.equal(await run.done(), 1);
    assert.deepEqual(run.raw, []);
    assert.match(run.stderr, /not registered/);
  }
});

Deno.test("row 8: without -a and with two accounts send is exit 1 and jsonRpc starts in multi-account mode", async () => {
  const two = world({ accounts: [ACCOUNT, OTHER_ACCOUNT] });
  await using send = new Run(two, ["send", ACCOUNT, "--message=hi"]);
  assert.equal(await send.done(), 1);
  await using rpc = new Run(two, ["jsonRpc", "--receive-mode=manual"]);
  const { result } = await rpc.call("listAccounts");
  assert.deepEqual(result, [{ number: ACCOUNT }, { number: OTHER_ACCOUNT }]);
});

Deno.test("row 9: a second process on the account says so, and waits until the first one ends", async () => {
  const shared = world();
  await using first = manual(shared);
  await first.call("version");
  await using second = manual(shared);
  const answer = second.call("version");
  await first.call("version");
  assert.match(second.stderr, /^INFO .*in use/m);
  assert.deepEqual(second.raw, []);
  await first.eof();
  assert.deepEqual((await answer).result, { version: "0.14.6" });
});

Deno.test("a second process that is ended while it waits for the lock does not keep it", async () => {
  const shared = world();
  await using first = manual(shared);
  await first.call("version");
  await using second = manual(shared);
  await second.terminate();
  await first.eof();
  await using third = manual(shared);
  assert.ok((await third.call("version")).result);
});

Deno.test("row 10: offline at start is exit 3 for every command with an account", async () => {
  for (const args of [["-a", ACCOUNT, "jsonRpc"], ["-a", ACCOUNT, "version"], ["listAccounts"]]) {
    await using run = new Run(world({ offline: true }), args);
    assert.equal(await run.done(), 3, args.join(" "));
    assert.match(run.stderr, /Error while checking account/);
  }
});

Deno.test("a release that the service refuses is exit 2", async () => {
  await using run = manual(world({ accounts: [{ number: ACCOUNT, tooOld: true }] }));
  assert.equal(await run.done(), 2);
});

Deno.test("row 11: plain-text output of jsonRpc is exit 1", async () => {
  await using run = new Run(world(), ["-o", "plain-text", "-a", ACCOUNT, "jsonRpc"]);
  assert.equal(await run.done(), 1);
  assert.deepEqual(run.raw, []);
});

Deno.test("listAccounts prints a line per account or one JSON array, and refuses -a", async () => {
  const two = world({ accounts: [ACCOUNT, OTHER_ACCOUNT] });
  await using plain = new Run(two, ["listAccounts"]);
  assert.equal(await plain.done(), 0);
  assert.deepEqual(plain.raw, [`Number: ${ACCOUNT}`, `Number: ${OTHER_ACCOUNT}`]);
  await using json = new Run(two, ["-o", "json", "listAccounts"]);
  assert.equal(await json.done(), 0);
  assert.deepEqual(json.rest, [[{ number: ACCOUNT }, { number: OTHER_ACCOUNT }]]);
  await using refused = new Run(two, ["-a", ACCOUNT, "listAccounts"]);
  assert.equal(await refused.done(), 1);
});

Deno.test("row 34: SIGTERM ends jsonRpc with exit 0", async () => {
  await using run = manual(world());
  await run.call("version");
  assert.equal(await run.terminate(), 0);
});

Deno.test("row 35: an account that loses its login ends the process silently, and the next start is exit 1", async () => {
  const lost = world();
  await using run = manual(lost);
  await run.call("subscribeReceive");
  lost.update({ accounts: [{ number: ACCOUNT, authorized: false }] });
  assert.equal(await run.done(), 0);
  assert.deepEqual(run.rest, []);
  await using next = manual(lost);
  assert.equal(await next.done(), 1);
});

Deno.test("a login that is refused at start is exit 3, and exit 1 from then on", async () => {
  const lost = world({ accounts: [{ number: ACCOUNT, authorized: false }] });
  for (const code of [3, 1]) {
    await using run = manual(lost);
    assert.equal(await run.done(), code);
  }
});

Deno.test("row 46: in multi-account mode a missing account is -32602, an unknown one too, a single one is implied", async () => {
  await using two = new Run(world({ accounts: [ACCOUNT, OTHER_ACCOUNT] }), ["jsonRpc", "--receive-mode=manual"]);
  const params = { recipient: "+15550100007", message: "hi" };
  assert.equal((await two.call("send", params)).error.code, -32602);
  assert.equal((await two.call("send", { ...params, account: "+15550100099" })).error.code, -32602);
  assert.ok((await two.call("send", { ...params, account: OTHER_ACCOUNT })).result.timestamp);
  await using one = new Run(world(), ["jsonRpc", "--receive-mode=manual"]);
  assert.ok((await one.call("send", params)).result.timestamp);
});

Deno.test("row 54: standard error carries an INFO line on success", async () => {
  await using run = manual(world());
  await run.call("version");
  await run.eof();
  assert.match(run.stderr, /^INFO {2}\S+ - /m);
});
