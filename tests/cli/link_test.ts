import assert from "node:assert/strict";
import { qrCode } from "../../lib/cli/screen/qr.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

const OWN = "+33199000100";
const OTHER = "+33199000101";

async function link(world: Record<string, unknown>, scannedBy: string, terminalColumns?: number) {
  await using signal = await SimulatedSignal.create(world);
  let result: Awaited<ReturnType<typeof cli>> | undefined;
  let sent: readonly unknown[] = [];
  await inFolder(async (folder) => {
    const good = { ...goodSettings(folder), SIGNAL_CLI_PATH: signal.cliPath, SIGNAL_CLI_DATA_DIR: signal.dataDir };
    // The group is known only afterwards.
    const env = { ...good, SIGNAL_GROUP_ID: "your_group_id_here" };
    result = await cli(["link", "--env-file", "-"], {
      env,
      ...(terminalColumns !== undefined && { terminalColumns }),
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

Deno.test("link in a narrow window: its words are not cut, and a code that does not fit is not drawn", async () => {
  const accounts = [{ number: OWN, registered: false, linkedDevices: true }];
  const wide = await link({ accounts }, OWN, 80);
  assert.match(wide.err, /[█▀▄]{10}/);
  assert.match(wide.err, /Link a new\ndevice, then scan\./);
  const narrow = await link({ accounts }, OWN, 40);
  assert.equal(narrow.exit, 0, narrow.err);
  assert.doesNotMatch(narrow.err, /[█▀▄]{10}/);
  assert.match(narrow.err, /^The code is 41 columns wide and this\nwindow 40: make it wider, and begin\nagain\.$/m);
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
  const plain = qrCode("sgnl://linkdevice?uuid=x", false).lines.trimEnd().split("\n");
  const width = plain[0]!.length;
  assert.ok(plain.every((line) => line.length === width));
  assert.ok(Math.abs(plain.length * 2 - width) <= 1);
  assert.match(plain[0]!, /^█+$/);
  const colour = qrCode("sgnl://linkdevice?uuid=x", true).lines.trimEnd().split("\n");
  assert.ok(colour.every((line) => line.startsWith("\u001b[30;107m") && line.endsWith("\u001b[0m")));
  assert.match(colour[0]!.replaceAll("\u001b", "ESC"), /m +ESC/);
});
