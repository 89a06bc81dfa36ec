/**
 * What the admin is told when an account pauses because Signal said so.
 *
 * @module
 */
import type { ChannelFault } from "../domain/message.ts";
import type { Severity } from "../runtime/alarm.ts";

interface NextStep {
  readonly severity: Severity;
  readonly endsByItself: boolean;
  readonly text: string;
}

/** The other pauses end by themselves, or have an alert of their own (`signal_down`). */
const NEXT_STEP: Readonly<Partial<Record<ChannelFault, NextStep>>> = {
  rate_limited: {
    severity: "warning",
    endsByItself: true,
    text: "Signal asked us to slow down. Next step: none, sending goes on by itself; if this comes back often, lower " +
      "RATE_LIMIT, before Signal wants a captcha solved.",
  },
  proof_required: {
    severity: "error",
    endsByItself: false,
    text: "Signal wants a captcha solved before it takes more messages. Next step: " +
      "open signalcaptchas.org/challenge/generate.html, solve it, copy the link of Open Signal " +
      "(signalcaptcha://…), and hand it in on the server with the command signal-automation captcha.",
  },
  account_refused: {
    severity: "error",
    endsByItself: false,
    text: "Signal does not know this account any more. Next step: link or register it again with signal-cli.",
  },
};

/**
 * @param untilMs when the pause ends, milliseconds UTC
 * @returns undefined when nobody needs to be told
 */
export function pauseNotice(
  reason: ChannelFault,
  untilMs: number,
): { readonly severity: Severity; readonly text: string } | undefined {
  const next = NEXT_STEP[reason];
  if (next === undefined) return undefined;
  const end = new Date(untilMs).toISOString().slice(0, 19).replace("T", " ");
  const until = next.endsByItself ? ` until ${end} UTC` : "";
  return { severity: next.severity, text: `Signal error: ${next.text} Messages wait${until}, none is lost.` };
}
