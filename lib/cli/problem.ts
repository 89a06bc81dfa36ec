/**
 * Errors for people: what is wrong, where, and what to do next. One block on standard error; a stack trace only
 * with LOG_LEVEL=DEBUG.
 *
 * @module
 */
import { ChannelUnavailable, ConfigError, StoreUnavailable } from "../domain/errors.ts";
import { DeadlineExceeded } from "../runtime/clock.ts";
import { EXIT, type ExitCode } from "./exit_code.ts";
import type { Painter } from "./screen/paint.ts";
import { wrap } from "./screen/width.ts";

/** A refusal with everything that a person needs to know. Thrown by commands, shown by {@link describeFailure}. */
export class CliProblem extends Error {
  override readonly name = "CliProblem";
  /**
   * @param message what is wrong, a clause without a full stop
   * @param options.details one line each: where, value seen, accepted form
   * @param options.next what to do, a full sentence or a command line
   */
  constructor(
    readonly exit: ExitCode,
    message: string,
    readonly options: { readonly details?: readonly string[]; readonly next?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

interface Failure {
  readonly exit: ExitCode;
  readonly what: string;
  readonly details: readonly string[];
  readonly next: string | undefined;
}

const STORE_NEXT: Readonly<Partial<Record<StoreUnavailable["fault"], string>>> = {
  unreachable:
    "Is the database running, and are DB_HOST, DB_PORT or DB_SOCKET right? Settings: signal-automation check",
  timeout: "The database is there but does not answer: look at its load and its log.",
  denied: "Check DB_USER, DB_PASSWORD and the grants: signal-automation migrate --sql prints them.",
  storage: "Check free space and permissions of the database's disk.",
};

/** Sorts an error by who can act: exit code and words. */
export function sortError(error: unknown): Failure {
  if (error instanceof CliProblem) {
    return { exit: error.exit, what: error.message, details: error.options.details ?? [], next: error.options.next };
  }
  if (error instanceof ConfigError) {
    const accepted = error.accepted === undefined ? [] : [`accepted: ${error.accepted}`];
    return { exit: EXIT.usage, what: `${error.where}: ${error.problem}`, details: accepted, next: undefined };
  }
  if (error instanceof StoreUnavailable) {
    const exit = error.fault === "schema" || error.fault === "denied" ? EXIT.usage : EXIT.dependencyDown;
    return { exit, what: error.message, details: [], next: STORE_NEXT[error.fault] };
  }
  if (error instanceof ChannelUnavailable) {
    return { exit: EXIT.dependencyDown, what: error.message, details: [], next: undefined };
  }
  if (error instanceof DeadlineExceeded) {
    return { exit: EXIT.dependencyDown, what: error.message, details: [], next: undefined };
  }
  if (error instanceof Deno.errors.NotCapable) {
    return {
      exit: EXIT.usage,
      what: "this program is not permitted to do that",
      details: [firstLine(error.message)],
      next: "The program reaches only what was compiled in: the folders of its settings, and ./ in the general build.",
    };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return {
      exit: EXIT.usage,
      what: "the system refused access",
      details: [firstLine(error.message)],
      next: "Run it as the service's user, or change who owns the file.",
    };
  }
  return {
    exit: EXIT.failed,
    what: "unexpected error, a bug of this program",
    details: [error instanceof Error ? `${error.name}: ${firstLine(error.message)}` : String(error)],
    next: "Run it again with LOG_LEVEL=DEBUG in front and report what it prints.",
  };
}

/** The block for standard error. `trace` adds stack and causes. */
export function describeFailure(failure: Failure, paint: Painter, columns: number): string {
  const lines = indent(`${paint.bad("error:")} ${failure.what}`, columns);
  for (const detail of failure.details) lines.push(...indent(`  ${detail}`, columns, "    "));
  // Not wrapped: most of them are commands to be copied.
  if (failure.next !== undefined) lines.push(`  ${paint.dim("→")} ${failure.next}`);
  return `${lines.join("\n")}\n`;
}

/** Stack traces of an error and its causes, innermost last. */
export function traceOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? String(at));
  return parts.length === 0 ? "" : `${parts.join("\ncaused by: ")}\n`;
}

function indent(text: string, columns: number, hanging = "  "): string[] {
  return wrap(text, columns, hanging);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
