/**
 * A log file with a fixed name, as the original's: at the first line of a new day (UTC) yesterday's is renamed to
 * `<name>.<date>`, and what is older than a week goes. The library's own rotating file puts the date into the current
 * name, which would break everybody's `tail -f signal-automation.log`.
 *
 * @module
 */
import { join } from "node:path";
import type { Clock } from "../runtime/clock.ts";

/** Days kept besides the current one. */
export const KEPT_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface LogFile {
  /** Appends. A full disk loses the line, never the service: stderr has it too. */
  write(text: string): void;
  close(): void;
}

/** @throws when the folder cannot be written; it is not created (its owner and mode are the operator's) */
export function openLogFile(folder: string, name: string, clock: Clock): LogFile {
  const path = join(folder, name);
  const encoder = new TextEncoder();
  const openOptions = { append: true, create: true, mode: 0o640 } as const;
  let file = Deno.openSync(path, openOptions);
  // A file left by an earlier run belongs to the day of its last line.
  const stat = file.statSync();
  let day = dayOf(stat.size > 0 ? stat.mtime?.getTime() ?? clock.nowMs() : clock.nowMs());

  const rotate = (today: string): void => {
    try {
      file.close();
      Deno.renameSync(path, `${path}.${day}`);
      prune(folder, name, clock.nowMs());
    } catch (error) {
      // Renaming refused (permissions changed): go on appending; the lines matter more than the name.
      if (!(error instanceof Error)) throw error;
    } finally {
      file = Deno.openSync(path, openOptions);
      day = today;
    }
  };
  return {
    write(text) {
      try {
        const today = dayOf(clock.nowMs());
        if (today > day) rotate(today);
        const bytes = encoder.encode(text);
        for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
    },
    close() {
      file.close();
    },
  };
}

function prune(folder: string, name: string, nowMs: number): void {
  const oldest = dayOf(nowMs - KEPT_DAYS * DAY_MS);
  for (const entry of Deno.readDirSync(folder)) {
    const date = entry.name.startsWith(`${name}.`) ? entry.name.slice(name.length + 1) : "";
    if (/^\d{4}-\d{2}-\d{2}$/.test(date) && date < oldest) Deno.removeSync(join(folder, entry.name));
  }
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
