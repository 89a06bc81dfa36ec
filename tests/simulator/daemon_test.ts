import assert from "node:assert/strict";
import { ACCOUNT, ADA, Run, world } from "./harness.ts";

const DAEMON = ["-a", ACCOUNT, "daemon"];

Deno.test("row 49: a daemon without a channel ends with exit 1", async () => {
  await using run = new Run(world(), DAEMON);
  assert.equal(await run.exit, 1);
});

Deno.test("a daemon that cannot listen ends with exit 3", async () => {
  await using run = new Run(world(), [...DAEMON, "--socket", "/nonexistent/socket"]);
  assert.equal(await run.exit, 3);
});

Deno.test("row 50: an on-start daemon without a client uses messages up, and a later client never sees them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const its = world();
    its.push(ACCOUNT, { from: ADA.uuid, text: "early" });
    await using run = new Run(its, [...DAEMON, "--socket", `${folder}/socket`]);
    await run.take((line) => String(line).startsWith("Envelope from:"));
    using conn = await Deno.connect({ transport: "unix", path: `${folder}/socket` });
    its.push(ACCOUNT, { from: ADA.uuid, text: "late" });
    const buffer = new Uint8Array(4096);
    const first = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
    assert.match(first, /"method":"receive".*"late"/);
    assert.doesNotMatch(first, /early|subscription/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("link prints an address, waits for the phone, and the account is here from then on", async () => {
  const its = world({ accounts: [{ number: ACCOUNT, registered: false }] });
  await using run = new Run(its, ["link", "-n", "shop"]);
  await run.take((line) => String(line).startsWith("sgnl://linkdevice?"));
  its.update({ scannedBy: ACCOUNT });
  await run.take((line) => line === `Associated with: ${ACCOUNT}`);
  assert.equal(await run.exit, 0);
  await using list = new Run(its, ["-o", "json", "listAccounts"]);
  assert.deepEqual(await list.take(), [{ number: ACCOUNT }]);
  await using again = new Run(its, ["link", "-n", "shop"]);
  assert.equal(await again.exit, 1);
});
