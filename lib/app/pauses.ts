/**
 * What the admin is told of a pause that a process met which may have been killed before it told anybody.
 *
 * @module
 */
import type { Alerts } from "../alerts/alerts.ts";
import { reasonText } from "../cli/story/reasons.ts";
import type { ChannelFault } from "../domain/message.ts";
import type { Severity } from "../runtime/alarm.ts";
import type { AccountPause } from "../outbox/pause.ts";

/** Pauses that the admin hears of; the others end by themselves, or have an alert of their own (`signal_down`). */
const TOLD: Readonly<Partial<Record<ChannelFault, { readonly severity: Severity; readonly endsByItself: boolean }>>> = {
  rate_limited: { severity: "warning", endsByItself: true },
  proof_required: { severity: "error", endsByItself: false },
  account_refused: { severity: "error", endsByItself: false },
};

/** A pause that goes on is told once, by whichever process comes to it; who told it knows it from its throttle. */
export function tellOfResumedPauses(pause: AccountPause, alerts: Alerts): void {
  pause.onResumed(({ reason, sinceMs, untilMs }) => {
    const how = TOLD[reason];
    if (how === undefined) return;
    const { what, advice } = reasonText(reason);
    const until = how.endsByItself
      ? ` until ${new Date(untilMs).toISOString().slice(0, 19).replace("T", " ")} UTC`
      : "";
    const text = `Signal error: ${what} Next step: ${advice} Messages wait${until}, none is lost.`;
    alerts.recall(reason, how.severity, text, sinceMs);
  });
}
