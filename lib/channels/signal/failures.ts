/**
 * Why signal-cli does not run, as a code and a sentence with the fix. Exit codes decide; texts are looked at only
 * where one code stands for several causes (facts: signal.md §1.2, §2.1).
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import type { ExitStatus } from "./process.ts";

/** Codes of {@link ChannelUnavailable} from this channel, also the reasons of its condition: the closed set for labels. */
export const SIGNAL_TROUBLES = [
  /** `link`: the account is on this machine already. */
  "already_linked",
  /** The program is not there. */
  "not_installed",
  /** We may not run it. */
  "permission_refused",
  /** It came after our start: which program may be run was settled then. */
  "restart_needed",
  /** The operating system cannot start it. */
  "not_startable",
  /** No Java, or one that is too old for this signal-cli. */
  "java_missing",
  /** Older than we need, or refused as too old by Signal's servers. */
  "too_old",
  /** The account is not registered on this machine, or was unlinked. */
  "not_registered",
  /** Another process holds the account. */
  "locked",
  /** Signal's servers cannot be reached. */
  "offline",
  /** It ended at start for another reason. */
  "refused_to_start",
  /** It did not become ready in time. */
  "no_answer",
  /** It ran and ended by itself. */
  "crashed",
  /** It ran and stopped answering; it was ended. */
  "frozen",
  /** No daemon listens at `SIGNAL_SOCKET`. */
  "daemon_absent",
  /** The daemon ended the connection. */
  "daemon_gone",
  /** The daemon serves other accounts too, whose messages we would use up. */
  "several_accounts",
  /** The daemon receives by itself (on-start, on-connection): what comes while nobody listens is lost. */
  "receive_mode",
  /** Starting; nothing is wrong yet. */
  "starting",
  /** Not started, or stopped. */
  "stopped",
  /** What arrives can be stored nowhere: intake is paused. */
  "intake_stopped",
  /** signal-cli does not accept our subscription. */
  "subscribe_failed",
  /** Several messages in a row could not be decrypted. */
  "receive_exceptions",
] as const;
export type SignalTrouble = typeof SIGNAL_TROUBLES[number];

/** The error for a process that ended before it was ready. `lines`: the end of its stderr. */
export function classifyStart(status: ExitStatus, lines: readonly string[]): ChannelUnavailable {
  const says = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  if (status.signal !== null) {
    return new ChannelUnavailable("crashed", `signal-cli was ended by ${status.signal} while it started.`);
  }
  if (status.code === 3) {
    return new ChannelUnavailable(
      "offline",
      "signal-cli cannot reach Signal's servers (exit 3). Check the network and name resolution; the service tries again by itself.",
    );
  }
  if (says(/JAVA_HOME|UnsupportedClassVersionError|java: (command )?not found/)) {
    return new ChannelUnavailable(
      "java_missing",
      "signal-cli found no suitable Java. Install Java 25 or newer, or set JAVA_HOME.",
    );
  }
  if (status.code === 1 && says(/is not registered/i)) {
    return new ChannelUnavailable(
      "not_registered",
      "The account SIGNAL_NUMBER is not registered here: link it (signal-automation link), register it with signal-cli, " +
        "or check SIGNAL_CLI_DATA_DIR. An account that was unlinked has to be linked again.",
    );
  }
  if (status.code === 1 && says(/unrecognized arguments|invalid choice/i)) {
    return new ChannelUnavailable(
      "too_old",
      "signal-cli does not know an option that is needed: it is too old. Install the current release.",
    );
  }
  if (status.code === 2 && says(/too old|deprecated/i)) {
    return new ChannelUnavailable(
      "too_old",
      "Signal's servers refuse this signal-cli as too old (exit 2). Install the current release.",
    );
  }
  // A shell's answer: there is such a program, and it may not be run. By hand, outside of the unit, it may well run.
  if (status.code === 126) {
    return new ChannelUnavailable(
      "not_startable",
      "The Java that signal-cli calls, or a part of signal-cli, may not be run by this service (exit 126). Under systemd " +
        "it may lie below /opt, /usr/local/bin, /usr/local/lib or /usr/lib; elsewhere ExecPaths= of the unit has to name it.",
    );
  }
  if (status.code === 0) {
    return new ChannelUnavailable(
      "crashed",
      "signal-cli ended by itself while it started (exit 0). The account may have been unlinked.",
    );
  }
  return new ChannelUnavailable(
    "refused_to_start",
    `signal-cli refused to start (exit ${status.code}). Run it by hand with the same account to read its message, ` +
      "or set LOG_LEVEL=DEBUG.",
  );
}

/** The error for a process that had been ready and ended without being asked to. */
export function classifyEnd(status: ExitStatus): ChannelUnavailable {
  return new ChannelUnavailable(
    "crashed",
    status.signal === null
      ? `signal-cli ended by itself (exit ${status.code}). It is started again.`
      : `signal-cli was ended by ${status.signal}. It is started again.`,
  );
}

/** Whether a line of stderr says that another process holds the account; signal-cli then waits without end. */
export function saysLocked(line: string): boolean {
  return /config(uration)? file is in use|in use by another/i.test(line);
}

/** The error for an account that another process holds. */
export function lockedError(): ChannelUnavailable {
  return new ChannelUnavailable(
    "locked",
    "Another process holds the Signal account (a second signal-cli, its daemon, or another instance of this service " +
      "on the same data folder). End it; signal-cli goes on by itself.",
  );
}
