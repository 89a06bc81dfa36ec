/** `dlq list` @module */
import type { DeadMessage, InboxListing } from "../../store/port.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { showAddress } from "../screen/mask.ts";
import { painter } from "../screen/paint.ts";
import { renderTable } from "../screen/table.ts";
import { formatSpan } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { reasonText } from "../story/reasons.ts";
import { counted, FILTERS, readFilter } from "./dlq_select.ts";
import { SHOW_NUMBERS, wholeNumber } from "./shared.ts";

const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 10_000;

/** A dead letter of either direction, as it is shown. */
interface Entry {
  /** What the other commands take. */
  readonly ref: string;
  readonly id: number;
  readonly direction: "outbound" | "inbound";
  readonly kind: string;
  readonly origin: DeadMessage["origin"] | undefined;
  readonly who: string | undefined;
  readonly attempts: number;
  readonly replays: number;
  readonly reason: string | undefined;
  readonly createdAtMs: number;
  readonly diedAtMs: number;
}

export const dlqListCommand: CommandSpec = {
  path: ["dlq", "list"],
  summary: "List what was given up, with the reason",
  details: "Longest dead first: messages that were not accepted, and received ones that no automation could handle " +
    "(inbound). Texts are not shown.",
  options: [
    ...FILTERS,
    { flags: "--limit <count>", description: `at most so many (default ${DEFAULT_LIMIT})` },
    SHOW_NUMBERS,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation dlq list --limit 20", meaning: "what did not arrive, and why" },
    { line: "signal-automation dlq list --reason unregistered --older-than 2d", meaning: "conditions combine" },
  ],
  run(invocation, context) {
    const { terminal, clock } = context;
    const limit = wholeNumber(invocation.text("limit"), "--limit", 1, LARGEST_LIMIT) ?? DEFAULT_LIMIT;
    const filter = readFilter(invocation, clock.nowMs());
    const showNumbers = invocation.flag("show-numbers");
    return withStore(invocation, context, async (store) => {
      // One more than is shown tells whether there are more.
      const page = { ...filter, limit: limit + 1 };
      const found = [
        ...(await store.outbox.deadLetters(page)).map((row) => outbound(row, showNumbers)),
        ...(await store.inbox.deadLetters(page)).map(inbound),
      ].sort((a, b) => a.diedAtMs - b.diedAtMs || b.direction.localeCompare(a.direction) || a.id - b.id);
      const rows = found.slice(0, limit);
      if (invocation.flag("json")) {
        printJson(terminal, rows.map(forPrograms));
        return EXIT.done;
      }
      const paint = painter(terminal.outInfo.colour);
      const nowMs = clock.nowMs();
      if (rows.length === 0) {
        const all = Object.keys(filter).length === 0;
        terminal.out(all ? "There are no dead letters.\n" : "There are no dead letters that fit.\n");
        return EXIT.done;
      }
      terminal.out(renderTable(
        rows,
        [
          { title: "ID", value: (row) => row.ref, align: "right" },
          { title: "MESSAGE", value: (row) => `${row.kind}${row.origin === undefined ? "" : ` ${row.origin.key}`}` },
          { title: "TO", value: (row) => row.who ?? "", paint: (cell) => paint.accent(cell) },
          { title: "TRIES", value: (row) => String(row.attempts), align: "right" },
          { title: "DEAD FOR", value: (row) => formatSpan(nowMs - row.diedAtMs), align: "right" },
          { title: "WHY", value: (row) => row.reason ?? "", paint: (cell) => paint.warn(cell) },
        ],
        paint,
        terminal.outInfo.columns,
      ));
      if (found.length > limit) {
        const { dead } = await store.outbox.backlog(nowMs);
        const total = dead + (await store.inbox.backlog()).dead;
        terminal.out(
          `\nThere are more (${counted(total, "dead letter")} in all): --limit ${
            Math.min(limit * 10, LARGEST_LIMIT)
          }\n`,
        );
      }
      terminal.out(`\nOne in full: signal-automation dlq show ${rows[0]!.ref}\n`);
      return EXIT.done;
    });
  },
};

function outbound(row: DeadMessage, showNumbers: boolean): Entry {
  const { id, kind, origin, attempts, replays, reason, createdAtMs, diedAtMs } = row;
  const who = showAddress(row.recipient, showNumbers);
  return {
    ref: String(id),
    id,
    direction: "outbound",
    kind,
    origin,
    who,
    attempts,
    replays,
    reason,
    createdAtMs,
    diedAtMs,
  };
}

function inbound(row: InboxListing): Entry {
  return {
    ref: `inbox:${row.id}`,
    id: row.id,
    direction: "inbound",
    kind: "inbound",
    origin: undefined,
    who: undefined,
    attempts: row.attempts,
    replays: 0,
    reason: row.reason,
    createdAtMs: row.receivedAtMs,
    diedAtMs: row.finishedAtMs ?? row.receivedAtMs,
  };
}

function forPrograms(row: Entry): object {
  return {
    id: row.id,
    ref: row.ref,
    direction: row.direction,
    state: "dead",
    kind: row.kind,
    origin: row.origin ?? null,
    to: row.who ?? null,
    attempts: row.attempts,
    replays: row.replays,
    reason: row.reason ?? null,
    meaning: reasonText(row.reason).what,
    createdAt: new Date(row.createdAtMs).toISOString(),
    diedAt: new Date(row.diedAtMs).toISOString(),
  };
}
