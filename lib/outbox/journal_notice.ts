/**
 * What log and admin are told while the disk refuses the journal, without which nothing may be handed over.
 *
 * @module
 */
import type { Alarm } from "../runtime/alarm.ts";
import { describeError, type Log } from "../runtime/log.ts";

interface Listeners {
  readonly log: Log;
  readonly alarm: Alarm;
}

const CAUSE = "journal_failed";

export function tellJournalFailed({ log, alarm }: Listeners, error: unknown): void {
  log.critical("The journal cannot be written, and nothing is handed over", { cause: describeError(error) });
  alarm.raise(
    CAUSE,
    "critical",
    "Critical error: the disk under RUNTIME_DIR is full or refuses to be written, and without its journal nothing is sent. " +
      "Messages wait, none is lost. Next step: make room there (df -h shows it).",
  );
}

export function tellJournalWorks({ alarm }: Pick<Listeners, "alarm">): void {
  alarm.clear(CAUSE, "The disk under RUNTIME_DIR takes the journal: sending goes on");
}
