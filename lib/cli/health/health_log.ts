/**
 * `health-check.log` in LOG_DIR: a line per run, as the original's script wrote it.
 *
 * @module
 */
import { openLogFile } from "../../observe/log_file.ts";
import { formatFile, type LogLevelName } from "../../observe/log_format.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { LogFields } from "../../runtime/log.ts";

export const HEALTH_LOG = "health-check.log";

/** Appends one line. @returns false when the file cannot be written: the exit code and standard output still tell */
export function writeHealthLine(
  folder: string,
  clock: Clock,
  line: { readonly level: LogLevelName; readonly message: string; readonly fields: LogFields },
): boolean {
  try {
    const file = openLogFile(folder, HEALTH_LOG, clock);
    file.write(`${formatFile({ timeMs: clock.nowMs(), room: "health-check", ...line })}\n`);
    file.close();
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
