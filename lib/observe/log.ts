/**
 * The log: what a room writes becomes one line on stderr, text for a terminal and JSON for a journal. The only file that
 * knows the logging library.
 *
 * @module
 */
import { configureSync, getConfig, getLogger, type LogRecord } from "@logtape/logtape";
import type { Clock } from "../runtime/clock.ts";
import type { Log, LogFields } from "../runtime/log.ts";
import { formatFile, formatJson, formatText, type Line, type LogLevelName } from "./log_format.ts";
import { openLogFileLater } from "./log_file.ts";
import { makeRedactor, type RedactOptions } from "./redact.ts";

export type { LogLevelName } from "./log_format.ts";

/** Where lines go: standard error, or a list in a test. Must not throw. */
export interface LogStream {
  write(line: string): void;
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
}

export interface LogOptions extends RedactOptions {
  /** LOG_LEVEL: lines below it are not written. */
  readonly level: LogLevelName;
  /** `auto`: text when the stream is a terminal, else JSON lines. */
  readonly format: "text" | "json" | "auto";
  readonly stream: LogStream;
  /** False when NO_COLOR is set. Colour is used on a terminal only. Default true. */
  readonly colour?: boolean;
  /**
   * LOG_DIR: besides the stream also `signal-automation.log`, `critical-errors.log` and `template-updates.log` in this
   * folder, daily, 7 kept. One that cannot be written is a warning on the stream and tried again.
   */
  readonly logDir?: string;
  readonly clock: Clock;
}

export interface OpenLog {
  readonly log: Log;
  /** Lines written from then on go nowhere. Twice is allowed. */
  close(): Promise<void>;
}

/** What this room logs about loading and refusing its files is `template-updates.log` too. */
const TEMPLATES_ROOM = "templates";
/** The library's category of ours; below it one per opened log, so that several in one process stay apart. */
const CATEGORY = "signal-automation";
const LIBRARY_LEVEL = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warning",
  ERROR: "error",
  CRITICAL: "fatal",
} as const;
const LEVEL_NAME: Readonly<Record<LogRecord["level"], LogLevelName>> = {
  trace: "DEBUG",
  debug: "DEBUG",
  info: "INFO",
  warning: "WARNING",
  error: "ERROR",
  fatal: "CRITICAL",
};

let opened = 0;

/** Opens the log. What the library was configured with by an embedding program stays as it is. */
export function openLog(options: LogOptions): Promise<OpenLog> {
  return Promise.resolve().then(() => open(options));
}

function open(options: LogOptions): OpenLog {
  const id = `log${++opened}`;
  const redactor = makeRedactor(options);
  const asText = options.format === "text" || (options.format === "auto" && options.stream.isTerminal);
  const colour = options.stream.isTerminal && options.colour !== false;
  const files = options.logDir === undefined ? undefined : {
    main: openLogFileLater(options.logDir, "signal-automation.log", options.clock),
    critical: openLogFileLater(options.logDir, "critical-errors.log", options.clock),
    templates: openLogFileLater(options.logDir, "template-updates.log", options.clock),
  };
  // Each is there from the start, for who follows it with `tail -f`.
  for (const file of Object.values(files ?? {})) file.write("");
  let closed = false;
  /** Said once per trouble, not per line: the stream has every line anyway. */
  let filesLost = false;

  const sink = (record: LogRecord): void => {
    if (closed) return;
    const line: Line = {
      timeMs: options.clock.nowMs(),
      level: LEVEL_NAME[record.level],
      room: record.category.slice(2).join("."),
      // The raw sentence: the library would otherwise read braces in it as placeholders.
      message: redactor.text(String(record.rawMessage)),
      fields: redactor.fields(record.properties as LogFields),
    };
    const show = (line: Line) => options.stream.write(`${asText ? formatText(line, colour) : formatJson(line)}\n`);
    show(line);
    if (files === undefined) return;
    const text = `${formatFile(line)}\n`;
    const written = [
      files.main.write(text),
      line.level !== "CRITICAL" || files.critical.write(text),
      line.room.split(".")[0] !== TEMPLATES_ROOM || files.templates.write(text),
    ].every((one) => one);
    if (!written && !filesLost) {
      const message = "Log files cannot be written: lines go to this stream only until they can";
      show({ ...line, level: "WARNING", room: "log", message, fields: { setting: "LOG_DIR" } });
    }
    filesLost = !written;
  };
  connect(id, sink, options.level);
  return {
    log: new LibraryLog([CATEGORY, id]),
    close() {
      if (!closed) {
        closed = true;
        disconnect(id);
        files?.main.close();
        files?.critical.close();
        files?.templates.close();
      }
      return Promise.resolve();
    },
  };
}

/** The library has one configuration per process: ours is added to what is there. */
function connect(id: string, sink: (record: LogRecord) => void, level: LogLevelName): void {
  const before = getConfig();
  const loggers = [...(before?.loggers ?? [])];
  // The library reports its own trouble (a sink that threw) here; left alone it would go to the console.
  if (!loggers.some((one) => [one.category].flat()[0] === "logtape")) {
    loggers.push({ category: ["logtape", "meta"], lowestLevel: "fatal", sinks: [] });
  }
  loggers.push({
    category: [CATEGORY, id],
    sinks: [id],
    lowestLevel: LIBRARY_LEVEL[level],
    parentSinks: "override",
  });
  configureSync({ ...before, sinks: { ...before?.sinks, [id]: sink }, loggers, reset: true });
}

function disconnect(id: string): void {
  const before = getConfig();
  if (before === null) return;
  const sinks = Object.fromEntries(Object.entries(before.sinks).filter(([name]) => name !== id));
  const loggers = before.loggers.filter((one) => [one.category].flat()[1] !== id);
  configureSync({ ...before, sinks, loggers, reset: true });
}

class LibraryLog implements Log {
  readonly #logger;
  constructor(readonly category: readonly string[]) {
    this.#logger = getLogger([...category]);
  }
  debug(message: string, fields: LogFields = {}): void {
    this.#logger.debug(message, fields);
  }
  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(message, fields);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(message, fields);
  }
  error(message: string, fields: LogFields = {}): void {
    this.#logger.error(message, fields);
  }
  critical(message: string, fields: LogFields = {}): void {
    this.#logger.fatal(message, fields);
  }
  child(room: string): Log {
    return new LibraryLog([...this.category, room]);
  }
}
