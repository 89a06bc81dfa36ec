/**
 * The three forms of a log line. Instants are UTC in each of them.
 *
 * @module
 */
import type { LogFields } from "../runtime/log.ts";

export type LogLevelName = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";

/** A line after redaction. */
export interface Line {
  readonly timeMs: number;
  readonly level: LogLevelName;
  /** `outbox.dispatcher`, or empty. */
  readonly room: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** syslog priorities (sd-daemon(3)): a field of the JSON line, so that the line stays JSON. */
const PRIORITY: Readonly<Record<LogLevelName, number>> = { DEBUG: 7, INFO: 6, WARNING: 4, ERROR: 3, CRITICAL: 2 };
const COLOUR: Readonly<Record<LogLevelName, string>> = {
  DEBUG: "\x1b[2m",
  INFO: "\x1b[32m",
  WARNING: "\x1b[33m",
  ERROR: "\x1b[31m",
  CRITICAL: "\x1b[1;31m",
};
const DIM = "\x1b[2m";
const PLAIN = "\x1b[0m";
/** Widths of the columns on a terminal. */
const LEVEL_WIDTH = 8;
const ROOM_WIDTH = 12;

/** `12:00:00.000 INFO     outbox       message handed over  id=42` */
export function formatText(line: Line, colour: boolean): string {
  const paint = (text: string, code: string) => colour ? `${code}${text}${PLAIN}` : text;
  const time = paint(instant(line.timeMs).slice(11, 23), DIM);
  const level = paint(line.level.padEnd(LEVEL_WIDTH), COLOUR[line.level]);
  const room = paint(line.room.padEnd(ROOM_WIDTH), DIM);
  const fields = fieldsText(line.fields);
  return `${time} ${level} ${room} ${oneLine(line.message)}${fields === "" ? "" : `  ${paint(fields, DIM)}`}`;
}

/** `{"time":"2026-01-15T12:00:00.000Z","level":"INFO","priority":6,"room":"outbox","message":"…","id":42}` */
export function formatJson(line: Line): string {
  const head = {
    time: instant(line.timeMs),
    level: line.level,
    priority: PRIORITY[line.level],
    ...(line.room === "" ? {} : { room: line.room }),
    message: line.message,
  };
  // A field never hides one of the five above.
  return JSON.stringify({ ...head, ...line.fields, ...head });
}

/** `2026-01-15 12:00:00 - outbox - INFO - message handed over id=42`: the form of the original's files, in UTC. */
export function formatFile(line: Line): string {
  const fields = fieldsText(line.fields);
  const name = line.room === "" ? "signal-automation" : line.room;
  const time = instant(line.timeMs).slice(0, 19).replace("T", " ");
  return `${time} - ${name} - ${line.level} - ${oneLine(line.message)}${fields === "" ? "" : ` ${fields}`}`;
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : value}`)
    .join(" ");
}

/** Quoted where it would not read as one word; control characters never reach a terminal. */
function quoted(value: string): string {
  return /^[^\s"=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value).replace(CONTROLS, escaped);
}

const CONTROLS = /[\p{Cc}\u2028\u2029]/gu;

function oneLine(text: string): string {
  return text.replace(CONTROLS, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** ISO 8601 in UTC; a clock that went mad must not make the log throw. */
function instant(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? "1970-01-01T00:00:00.000Z" : date.toISOString();
}
