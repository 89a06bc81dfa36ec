import assert from "node:assert/strict";
import { qrText } from "../../lib/cli/screen/qr.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

const OWN = "+33199000100";
const OTHER = "+33199000101";

async function link(world: Record<string, unknown>, scannedBy: string, args: readonly string[] = []) {
  await using signal = await SimulatedSignal.create(world);
  let result: Awaited<ReturnType<typeof cli>> | undefined;
  let sent: readonly unknown[] = [];
  await inFolder(async (folder) => {
    const good = { ...goodSettings(folder), SIGNAL_CLI_PATH: signal.cliPath, SIGNAL_CLI_DATA_DIR: signal.dataDir };
    // The group is known only afterwards.
    const env = { ...good, SIGNAL_GROUP_ID: "your_group_id_here" };
    result = await cli(["link", ...args, "--env-file", "-"], {
      env,
      // The phone scans what is on the screen.
      onErr: (text) => text.includes("sgnl://linkdevice?") && signal.update({ scannedBy }),
    });
    sent = signal.sent().map(({ to, body }) => [to.number, body]);
  });
  return { ...result!, sent };
}

Deno.test("link shows a code, waits for the phone, and proves the link by a note to self", async () => {
  const accounts = [{ number: OWN, registered: false, linkedDevices: true }];
  const { exit, out, err, sent } = await link({ accounts }, OWN);
  assert.equal(exit, 0, err);
  assert.match(err, /[█▀▄]{10}(.|\n)*Linked devices(.|\n)*sgnl:\/\/linkdevice\?/);
  assert.match(out, /^Linked; a note to self went out/);
  assert.equal(sent.length, 1);
});

Deno.test("link with the wrong phone says so and what to do, and an account that is here is not linked again", async () => {
  const accounts = [{ number: OWN, registered: false }, { number: OTHER, registered: false }];
  const wrong = await link({ accounts }, OTHER);
  assert.equal(wrong.exit, 1);
  assert.match(wrong.err, /another number than SIGNAL_NUMBER(.|\n)*Remove the device/);
  assert.doesNotMatch(wrong.err, /199000101/);
  const here = await link({ accounts: [OWN] }, OWN);
  assert.equal(here.exit, 1);
  assert.match(here.err, /has this account already/);
});

Deno.test("a QR code has a quiet border, square modules, and the same picture with and without colours", () => {
  const plain = qrText("sgnl://linkdevice?uuid=x", false).trimEnd().split("\n");
  const width = plain[0]!.length;
  assert.ok(plain.every((line) => line.length === width));
  assert.ok(Math.abs(plain.length * 2 - width) <= 1);
  assert.match(plain[0]!, /^█+$/);
  const colour = qrText("sgnl://linkdevice?uuid=x", true).trimEnd().split("\n");
  assert.ok(colour.every((line) => line.startsWith("\u001b[30;107m") && line.endsWith("\u001b[0m")));
  assert.match(colour[0]!.replaceAll("\u001b", "ESC"), /m +ESC/);
});
