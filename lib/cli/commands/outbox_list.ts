/** `outbox list`, `dlq list` @module */
import type { MessageState } from "../../domain/message.ts";
import type { OutboxListing } from "../../store/port.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { showAddress } from "../screen/mask.ts";
import { type Painter, painter } from "../screen/paint.ts";
import { type Column, renderTable } from "../screen/table.ts";
import { formatSpan } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { SHOW_NUMBERS } from "./shared.ts";

const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 1000;

interface Kind {
  readonly path: readonly [string, string];
  readonly summary: string;
  readonly details: string;
  readonly example: string;
  readonly states: readonly MessageState[];
  readonly none: string;
}

function command(kind: Kind): CommandSpec {
  return {
    path: kind.path,
    summary: kind.summary,
    details: kind.details,
    options: [
      { flags: "--limit <count>", description: `at most so many (default ${DEFAULT_LIMIT})` },
      { flags: "--after <id>", description: "only messages with a greater id: the next page" },
      SHOW_NUMBERS,
      JSON_OUTPUT,
      ENV_FILE,
    ],
    examples: [{ line: `signal-automation ${kind.path.join(" ")} --limit 20`, meaning: kind.example }],
    run(invocation, context) {
      const limit = wholeNumber(invocation.text("limit"), "--limit", 1, LARGEST_LIMIT) ?? DEFAULT_LIMIT;
      const afterId = wholeNumber(invocation.text("after"), "--after", 0, Number.MAX_SAFE_INTEGER);
      return withStore(invocation, context, async (store) => {
        const { terminal, clock } = context;
        const showNumbers = invocation.flag("show-numbers");
        const rows = await store.outbox.list({ states: kind.states, limit, ...(afterId !== undefined && { afterId }) });
        if (invocation.flag("json")) {
          printJson(terminal, rows.map((row) => forPrograms(row, showNumbers)));
          return EXIT.done;
        }
        const paint = painter(terminal.outInfo.colour);
        if (rows.length === 0) terminal.out(`${kind.none}\n`);
        terminal.out(
          renderTable(rows, columns(kind, paint, clock.nowMs(), showNumbers), paint, terminal.outInfo.columns),
        );
        if (rows.length === limit) {
          terminal.out(`\nThere may be more: ${kind.path.join(" ")} --after ${rows.at(-1)!.id}\n`);
        }
        return EXIT.done;
      });
    },
  };
}

export const outboxListCommand: CommandSpec = command({
  path: ["outbox", "list"],
  summary: "List messages that are not finished",
  details: "Oldest first. Texts are not shown.",
  example: "what waits, and why",
  states: ["queued", "sending", "unknown"],
  none: "Nothing waits: every message is finished.",
});

export const dlqListCommand: CommandSpec = command({
  path: ["dlq", "list"],
  summary: "List messages that were given up, with the reason",
  details: "Oldest first. Texts are not shown.",
  example: "what did not arrive, and why",
  states: ["dead"],
  none: "There are no dead letters.",
});

/** A column appears only where it differs between rows: every dead letter is dead and has no next try. */
function columns(
  { states }: Kind,
  paint: Painter,
  nowMs: number,
  showNumbers: boolean,
): readonly Column<OutboxListing>[] {
  const state: Column<OutboxListing> = { title: "STATE", value: (row) => row.state };
  const next: Column<OutboxListing> = {
    title: "NEXT",
    value: (row) => row.state === "queued" && row.dueAtMs > nowMs ? `in ${formatSpan(row.dueAtMs - nowMs)}` : "",
    align: "right",
  };
  return [
    { title: "ID", value: (row) => String(row.id), align: "right" },
    ...(states.length > 1 ? [state] : []),
    { title: "MESSAGE", value: (row) => `${row.kind} ${row.origin.key}` },
    { title: "TO", value: (row) => showAddress(row.recipient, showNumbers), paint: (cell) => paint.accent(cell) },
    { title: "TRIES", value: (row) => String(row.attempts), align: "right" },
    { title: "AGE", value: (row) => formatSpan(nowMs - row.createdAtMs), align: "right" },
    ...(states.length > 1 ? [next] : []),
    { title: "WHY", value: (row) => row.reason ?? "", paint: (cell) => paint.warn(cell) },
  ];
}

function forPrograms(row: OutboxListing, showNumbers: boolean): object {
  const { id, kind, origin, state, reason, attempts } = row;
  return {
    id,
    state,
    kind,
    origin,
    to: showNumbers ? row.recipient : showAddress(row.recipient, false),
    attempts,
    reason: reason ?? null,
    createdAt: new Date(row.createdAtMs).toISOString(),
    dueAt: new Date(row.dueAtMs).toISOString(),
  };
}

function wholeNumber(text: string | undefined, name: string, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && value >= min && value <= max) return value;
  throw new CliProblem(EXIT.usage, `${name}: not accepted`, {
    details: [`accepted: a whole number from ${min} to ${max}`],
  });
}
