/**
 * Every reason of the service in words: one sentence for people, and what a person can do about it. The one table of
 * these texts; a test holds it against the closed sets of the domain.
 *
 * @module
 */
import type { FaultReason } from "../../domain/message.ts";

export interface ReasonText {
  /** A full sentence. */
  readonly what: string;
  /** A full sentence: the next step of a person; where none is needed, why not. */
  readonly advice: string;
}

/** Why a message did not get through (`lib/domain/message.ts`). */
export const FAULT_TEXTS: Readonly<Record<FaultReason, ReasonText>> = {
  channel_down: {
    what: "signal-cli was not there: it had not started, or had stopped.",
    advice: "Nothing if it comes back by itself; otherwise ask signal-automation health what it lacks.",
  },
  network: {
    what: "The network between this server and Signal failed.",
    advice: "Nothing if it passes; otherwise check this server's connection to the internet.",
  },
  rate_limited: {
    what: "Signal asked us to slow down.",
    advice: "Wait: the account goes on by itself. If it comes back often, lower RATE_LIMIT.",
  },
  proof_required: {
    what: "Signal wants a person to solve a captcha before the account may send on.",
    advice: "Solve the captcha at signalcaptchas.org/challenge/generate.html and hand its link in with " +
      "signal-automation captcha.",
  },
  account_refused: {
    what: "Signal refused our own account: it is not registered, or this device was unlinked.",
    advice: "Register or link the number of SIGNAL_NUMBER again with signal-cli, then restart the service.",
  },
  channel_error: {
    what: "signal-cli answered with an error of its own that says nothing about the message.",
    advice: "Look at the service's log at that time; an update of signal-cli often helps.",
  },
  journal_failed: {
    what: "The disk under RUNTIME_DIR took no line of the journal, without which nothing is handed over.",
    advice: "Make room there (df -h shows it); it goes on by itself within a minute.",
  },
  shutdown: {
    what: "The service was being stopped, and the message was not handed over.",
    advice: "Nothing: it goes on after the next start.",
  },
  unregistered: {
    what: "The recipient has no Signal account under this address, or could not be looked up.",
    advice: "Check the number with the person; replay the message when they are on Signal again.",
  },
  identity_changed: {
    what: "The recipient's safety number has changed and is not trusted yet, as after a new phone.",
    advice: "Make sure that it is the right person, trust the new number with signal-cli trust, then replay.",
  },
  pre_key: {
    what: "The recipient's device offered an encryption key that does not work.",
    advice: "Replay it later: the person's app mends this when it is opened the next time.",
  },
  all_failed: {
    what: "No member of the group could be reached, for different reasons.",
    advice: "Check the group's members, then replay the message.",
  },
  group_refused: {
    what: "The group refused it: it is not known, we are no member, or only admins may write.",
    advice: "Check SIGNAL_GROUP_ID and that our number is in the group and may write, then replay.",
  },
  invalid_message: {
    what: "Signal refused the request itself: the address is wrong, or the text is empty.",
    advice: "Check the recipient and the template; a replay alone changes nothing.",
  },
  expired: {
    what: "It became older than it may be before it could be sent.",
    advice: "Replay it if it still matters: its age then counts anew. The limit is DELIVERY_MAX_AGE.",
  },
  unknown: {
    what: "It was handed over and never answered, and its kind is not sent twice (UNKNOWN_POLICY is hold).",
    advice: "Ask the recipient whether it arrived; replay it if not, drop it if it did.",
  },
};

/** How a request ended that was handed over and never answered. */
export const SILENCE_TEXTS: Readonly<Record<"no_answer" | "disconnected" | "aborted", string>> = {
  no_answer: "handed over, but no answer came in time; it may have arrived",
  disconnected: "handed over, then signal-cli or the service was gone before the answer; it may have arrived",
  aborted: "handed over, then the service was stopped before the answer; it may have arrived",
};

/** Why an inbound event is dead or waits (`lib/inbox/worker.ts`). */
export const INBOUND_TEXTS: Readonly<Record<"decode" | "automation_failed", ReasonText>> = {
  decode: {
    what: "Its content has a form that this program does not know.",
    advice: "Update the program, then replay it; what was received is kept as it came.",
  },
  automation_failed: {
    what: "An automation failed while it worked on the message.",
    advice: "Look at the service's log at that time, repair the cause, then replay it.",
  },
};

/** Why a message was dropped; anything else is the note of the person who dropped it. */
export const DROP_TEXTS: Readonly<Record<"flagged_by_hand", string>> = {
  flagged_by_hand: "Somebody set the order's flag by hand, so the message was not owed any more.",
};

/** What `--reason` accepts. */
export const DEAD_REASONS: readonly string[] = [...Object.keys(FAULT_TEXTS), ...Object.keys(INBOUND_TEXTS)];

/** The words for any reason that a row can hold; one that is not known here is named as it is. */
export function reasonText(reason: string | undefined): ReasonText {
  const tables: readonly Readonly<Record<string, ReasonText>>[] = [FAULT_TEXTS, INBOUND_TEXTS];
  for (const table of tables) {
    if (reason !== undefined && Object.hasOwn(table, reason)) return table[reason]!;
  }
  return {
    what: reason === undefined ? "No reason was recorded." : `The recorded reason is ${reason}.`,
    advice: "Look at the service's log at that time.",
  };
}
