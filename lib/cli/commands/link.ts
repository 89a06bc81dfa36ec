/** `link` @module */
import { realSignalCli } from "../../app/machine.ts";
import { LINK_TIMEOUT_MS, linkDevice } from "../../channels/signal/link.ts";
import { sendOnce } from "../../channels/signal/one_shot.ts";
import { makeTel } from "../../domain/address.ts";
import { ChannelUnavailable } from "../../domain/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { type Progress, startProgress } from "../screen/progress.ts";
import { qrCode } from "../screen/qr.ts";
import type { Terminal } from "../screen/terminal.ts";
import { wrap } from "../screen/width.ts";
import { needAccount } from "../settings.ts";

/** What the phone shows in its list of devices. */
const DEVICE_NAME = "signal-automation";
/** How often the progress is drawn, milliseconds. */
const REDRAW_MS = 500;
const NOTE = "✅ signal-automation is linked and can send.";
const STEPS = "Signal on the phone of that number: Settings → Linked devices → Link a new device, then scan.";

export const linkCommand: CommandSpec = {
  path: ["link"],
  summary: "Make this machine a device of the Signal account, by a QR code",
  details: "The phone stays the account's main device. Shows a code for it to scan, waits at most five minutes, and " +
    "proves the link by a note to self. Nothing else may use signal-cli's data folder for this number meanwhile.",
  options: [
    { flags: "--name <name>", description: `what the phone shows for this device (default: ${DEVICE_NAME})` },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [{
    line: "signal-automation link",
    meaning: "with sudo -u signal-automation in front: the files have to be its",
  }],
  async run(invocation, context) {
    const { terminal, clock } = context;
    const config = await needAccount(invocation, context);
    const { number, cliDataDir } = config.signal;
    const spawn = realSignalCli(config);
    const folder = cliDataDir === undefined ? {} : { dataDir: cliDataDir };
    const progress = startProgress(terminal, clock);
    const scanned = new AbortController();
    const shown = Promise.withResolvers<void>();
    let linked: string | undefined;
    const waiting = shown.promise.then(() => showWaiting(progress, clock, scanned.signal));
    try {
      linked = await linkDevice({
        spawn,
        ...folder,
        deviceName: invocation.text("name") ?? DEVICE_NAME,
        clock,
        onAddress: (address) => {
          show(address, terminal);
          shown.resolve();
        },
      });
    } catch (error) {
      if (!(error instanceof ChannelUnavailable) || error.code !== "already_linked") throw error;
      throw new CliProblem(EXIT.failed, "this machine has this account already", {
        next: "signal-automation doctor",
        cause: error,
      });
    } finally {
      scanned.abort();
      shown.resolve();
      await waiting;
      progress.end();
    }
    if (linked !== undefined && linked !== number) {
      throw new CliProblem(EXIT.failed, "the phone that scanned the code has another number than SIGNAL_NUMBER", {
        details: ["accepted: the phone of SIGNAL_NUMBER, or SIGNAL_NUMBER of that phone"],
        next: "Remove the device on that phone (Linked devices), then: signal-automation link",
      });
    }
    const outcome = await sendOnce({ number, ...folder, spawn, clock }, makeTel(number), NOTE);
    const verified = outcome.outcome === "accepted";
    if (invocation.flag("json")) printJson(terminal, { linked: true, verified });
    else if (verified) terminal.out("Linked; a note to self went out. Next: signal-automation groups\n");
    if (verified) return EXIT.done;
    throw new CliProblem(EXIT.failed, `linked, but the note to self did not go out: ${outcome.reason}`, {
      next: "signal-automation doctor",
    });
  },
};

/** The address stays in one piece, for who makes a code of it elsewhere. */
function show(address: string, { err, errInfo: { isTerminal, colour, columns } }: Terminal): void {
  const code = qrCode(address, colour);
  const narrow = `The code is ${code.columns} columns wide and this window ${columns}: make it wider, and begin again.`;
  const words = (text: string) => `${wrap(text, columns).join("\n")}\n`;
  err(`${isTerminal && columns < code.columns ? words(narrow) : code.lines}${words(STEPS)}${address}\n`);
}

/** How much of the time for scanning is over. */
async function showWaiting(progress: Progress, clock: Clock, scanned: AbortSignal): Promise<void> {
  const beganMs = clock.monotonicMs();
  while (!scanned.aborted) {
    progress.update(clock.monotonicMs() - beganMs, LINK_TIMEOUT_MS, "waiting for the phone");
    await clock.sleepMs(REDRAW_MS, scanned);
  }
}
