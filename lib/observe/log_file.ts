/**
 * A log file with a fixed name, as the original's: at the first line of a new day (UTC) yesterday's is renamed to
 * `<name>.<date>`, and what is older than a week goes. The library's own rotating file puts the date into the current
 * name, which would break everybody's habit of looking into `signal-automation.log`.
 *
 * Several processes may write the same file (the service, `health` from cron): lines are appended whole, and only who
 * holds the lock of the very file that still has the current name renames it, so that nobody's day is overwritten.
 * A file that somebody removed or moved away (logrotate) is made anew: lines into a file without a name are lost.
 *
 * @module
 */
import { join } from "node:path";
import type { Clock } from "../runtime/clock.ts";

/** Days kept besides the current one. */
export const KEPT_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
/** A file that could not be opened is tried again after this long, at the next line. */
export const REOPEN_AFTER_MS = 60_000;
/** How often, at most, it is looked whether the open file still has its name. */
export const LOOK_AFTER_MS = 1_000;

const OPEN = { append: true, create: true, mode: 0o640 } as const;

export interface LogFile {
  /** Appends. @returns false when the line was lost (full disk, folder gone): never throws for that */
  write(text: string): boolean;
  close(): void;
}

/** The file under the current name, and the day to which its lines belong. */
interface Current {
  readonly file: Deno.FsFile;
  readonly day: string;
}

/** @throws what the system says when the folder cannot be written; it is not created (its owner and mode are the operator's) */
export function openLogFile(folder: string, name: string, clock: Clock): LogFile {
  return writer(folder, name, clock, openCurrent(join(folder, name), clock));
}

/** {@link openLogFile} for who can go on without it: opened when it can be, tried again once a minute. */
export function openLogFileLater(folder: string, name: string, clock: Clock): LogFile {
  return writer(folder, name, clock, undefined);
}

/**
 * Appends one line and closes the file: for programs that come and go (`health`). Safe beside every other writer.
 * @param line without its line break, already in the form that the file has (`formatFile`)
 * @returns false when it could not be written
 */
export function appendLogLine(folder: string, name: string, line: string, clock: Clock): boolean {
  const file = openLogFileLater(folder, name, clock);
  const written = file.write(`${line}\n`);
  file.close();
  return written;
}

function writer(folder: string, name: string, clock: Clock, opened: Current | undefined): LogFile {
  const path = join(folder, name);
  const encoder = new TextEncoder();
  let current = opened;
  let nextOpenMs = -Infinity;
  let nextLookMs = clock.monotonicMs() + LOOK_AFTER_MS;
  let closed = false;

  /** The file for a line of today; undefined while there is none. */
  const forToday = (): Current | undefined => {
    const today = dayOf(clock.nowMs());
    if (current !== undefined && clock.monotonicMs() >= nextLookMs) {
      nextLookMs = clock.monotonicMs() + LOOK_AFTER_MS;
      if (!hasName(current.file, path)) {
        current.file.close();
        current = undefined;
        nextOpenMs = -Infinity;
      }
    }
    if (current === undefined) {
      if (clock.monotonicMs() < nextOpenMs) return undefined;
      nextOpenMs = clock.monotonicMs() + REOPEN_AFTER_MS;
      current = openCurrent(path, clock);
    }
    if (today <= current.day) return current;
    const { file } = current;
    turn(folder, name, current, clock.nowMs());
    current = undefined;
    file.close();
    nextOpenMs = clock.monotonicMs() + REOPEN_AFTER_MS;
    // Where renaming was refused, today's lines go on in the old file: the lines matter more than the name.
    current = { file: openOwn(path), day: today };
    return current;
  };
  return {
    write(text) {
      if (closed) return false;
      try {
        const now = forToday();
        if (now === undefined) return false;
        const bytes = encoder.encode(text);
        for (let done = 0; done < bytes.length;) done += now.file.writeSync(bytes.subarray(done));
        return true;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return false;
      }
    },
    close() {
      closed = true;
      current?.file.close();
      current = undefined;
    },
  };
}

function openCurrent(path: string, clock: Clock): Current {
  const file = openOwn(path);
  // A file left by an earlier run belongs to the day of its last line.
  const stat = file.statSync();
  return { file, day: dayOf(stat.size > 0 ? stat.mtime?.getTime() ?? clock.nowMs() : clock.nowMs()) };
}

/**
 * Opens for appending. A file of another user (a command that root ran made it) is put aside, as the folder's owner may:
 * else nothing would be written until somebody notices.
 */
function openOwn(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, OPEN);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const aside = `${path}.${dayOf(Deno.statSync(path).mtime?.getTime() ?? 0)}`;
    if (exists(aside)) throw error;
    Deno.renameSync(path, aside);
    return Deno.openSync(path, OPEN);
  }
}

/** Gives the file its day's name, unless another process did so or is just doing it. */
function turn(folder: string, name: string, { file, day }: Current, nowMs: number): void {
  const path = join(folder, name);
  try {
    // Never waited for: a holder that was stopped must not stop us. Who has it turns the file, which is all that we want.
    if (!file.tryLockSync(true)) return;
    if (file.statSync().size === 0 || !hasName(file, path) || exists(`${path}.${day}`)) return;
    Deno.renameSync(path, `${path}.${day}`);
    prune(folder, name, nowMs);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** Whether the path still leads to the open file. */
function hasName(file: Deno.FsFile, path: string): boolean {
  try {
    const [named, open] = [Deno.statSync(path), file.statSync()];
    return named.ino === open.ino && named.dev === open.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
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
