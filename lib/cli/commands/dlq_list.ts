/** `dlq list` @module */
import type { DeadMessage, InboxListing } from "../../store/port.ts";
import { type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { showAddress } from "../screen/mask.ts";
import { painter } from "../screen/paint.ts";
import { renderTable } from "../screen/table.ts";
import { formatSpan } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { reasonText } from "../story/reasons.ts";
import { counted, deadReference, FILTERS, readFilter } from "./dlq_select.ts";
import { notAccepted, SHOW_NUMBERS, wholeNumber } from "./shared.ts";

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
  details:
    "Newest first: messages that were not accepted, and received ones that no automation could handle (inbound). " +
    "Texts are not shown. When there are more than --limit, the command for the next ones is said.",
  options: [
    ...FILTERS,
    { flags: "--limit <count>", description: `at most so many (default ${DEFAULT_LIMIT})` },
    {
      flags: "--before <ids>",
      description: "only older ones than this message, than inbox:ID, or both with a comma between: the next page",
    },
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
    const before = readBefore(invocation.text("before"));
    const showNumbers = invocation.flag("show-numbers");
    return withStore(invocation, context, async (store) => {
      // One more than is shown tells whether there are more.
      const page = { ...filter, limit: limit + 1, newestFirst: true };
      const found = newestFirst(
        (await store.outbox.deadLetters({ ...page, ...before.message })).map((row) => outbound(row, showNumbers)),
        (await store.inbox.deadLetters({ ...page, ...before.inbox })).map(inbound),
      );
      const rows = found.slice(0, limit);
      const next = found.length > limit ? nextPage(invocation, before, rows) : undefined;
      if (invocation.flag("json")) {
        printJson(terminal, rows.map(forPrograms));
        if (next !== undefined) terminal.err(`There are more: ${next} --json\n`);
        return EXIT.done;
      }
      const paint = painter(terminal.outInfo.colour);
      const nowMs = clock.nowMs();
      if (rows.length === 0) {
        const all = Object.keys(filter).length + Object.keys(before).length === 0;
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
      if (next !== undefined) {
        const { dead } = await store.outbox.backlog(nowMs);
        const total = dead + (await store.inbox.backlog()).dead;
        terminal.out(`\nThere are older ones (${counted(total, "dead letter")} in all): ${next}\n`);
      }
      terminal.out(`\nOne in full: signal-automation dlq show ${rows[0]!.ref}\n`);
      return EXIT.done;
    });
  },
};

/** Where a page begins, for each direction that was begun. */
interface Before {
  readonly message?: { readonly beforeId: number };
  readonly inbox?: { readonly beforeId: number };
}

/** @throws {CliProblem} `usage` */
function readBefore(text: string | undefined): Before {
  if (text === undefined) return {};
  const references = text.split(",").map((word) => deadReference(word.trim()));
  const before = Object.fromEntries(references.map(({ type, id }) => [type, { beforeId: id }]));
  if (Object.keys(before).length === references.length) return before;
  throw notAccepted("--before", "12 for a message, inbox:12 for something that was received, or one of each");
}

/** Merges by the date of death. Within a direction the ids decide, so that a page ends where the next one begins. */
function newestFirst(outbound: readonly Entry[], inbound: readonly Entry[]): readonly Entry[] {
  const merged: Entry[] = [];
  for (let at = 0, of = 0; at < outbound.length || of < inbound.length;) {
    const [one, other] = [outbound[at], inbound[of]];
    const inboundFirst = one === undefined || (other !== undefined && other.diedAtMs > one.diedAtMs);
    merged.push(inboundFirst ? other! : one);
    if (inboundFirst) of++;
    else at++;
  }
  return merged;
}

/** The command for what is older than these rows. */
function nextPage(invocation: Invocation, before: Before, rows: readonly Entry[]): string {
  const ends = {
    outbound: before.message === undefined ? undefined : String(before.message.beforeId),
    inbound: before.inbox === undefined ? undefined : `inbox:${before.inbox.beforeId}`,
  };
  for (const { direction, ref } of rows) ends[direction] = ref;
  const options = ["reason", "channel", "older-than", "limit", "env-file"].flatMap((name) => {
    const value = invocation.text(name);
    return value === undefined ? [] : [`--${name} ${value}`];
  });
  const place = [ends.outbound, ends.inbound].filter((ref) => ref !== undefined).join(",");
  return ["signal-automation dlq list", ...options, `--before ${place}`].join(" ");
}

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
