/** `outbox list` @module */
import {
  type Address,
  isPhoneNumber,
  isServiceId,
  isSignalGroupId,
  makeAci,
  makeGroup,
  makeTel,
} from "../../domain/address.ts";
import type { OutboxListing, OutboxStore } from "../../store/port.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { showAddress } from "../screen/mask.ts";
import { type Painter, painter } from "../screen/paint.ts";
import { type Column, renderTable } from "../screen/table.ts";
import { formatSpan } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { waitsOf } from "../story/queue.ts";
import type { Wait, WaitCode } from "../story/story.ts";
import { look } from "../story/surroundings.ts";
import { notAccepted, oneOf, SHOW_NUMBERS, wholeNumber } from "./shared.ts";

const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 1000;
/** States of messages that are not finished. */
const STATES = ["queued", "sending", "unknown", "dead"] as const;
const DEFAULT_STATES = ["queued", "sending", "unknown"] as const;
type State = typeof STATES[number];

export const outboxListCommand: CommandSpec = {
  path: ["outbox", "list"],
  summary: "List messages that are not finished",
  details:
    "Oldest first. Texts are not shown. WHY says in a word what holds a message, the weightiest thing if there are " +
    "several, and NEXT when all that has a date is over; `ready` is about to be sent. In full: signal-automation explain ID",
  options: [
    { flags: "--state <states>", description: `only these, with commas between: ${STATES.join(", ")}` },
    { flags: "--to <recipient>", description: "only to this number, Signal service id or group id" },
    { flags: "--limit <count>", description: `at most so many (default ${DEFAULT_LIMIT})` },
    { flags: "--after <id>", description: "only messages with a greater id: the next page" },
    SHOW_NUMBERS,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation outbox list --limit 20", meaning: "what waits, and why" },
    { line: "signal-automation outbox list --state sending,unknown", meaning: "what is being handed over" },
  ],
  run(invocation, context) {
    const limit = wholeNumber(invocation.text("limit"), "--limit", 1, LARGEST_LIMIT) ?? DEFAULT_LIMIT;
    const afterId = wholeNumber(invocation.text("after"), "--after", 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const states = readStates(invocation.text("state"));
    const to = readRecipient(invocation.text("to"));
    return withStore(invocation, context, async (store, config) => {
      const { terminal, clock } = context;
      const showNumbers = invocation.flag("show-numbers");
      const found = await read(store.outbox, { states, to, afterId, limit });
      const around = await look(store, config, clock, { numbers: showNumbers, text: false });
      const waits = await waitsOf(found, around);
      const rows: Entry[] = found.map((row) => ({ ...row, waits: waits.get(row.id) ?? [] }));
      if (invocation.flag("json")) {
        printJson(terminal, rows.map((row) => forPrograms(row, showNumbers)));
        return EXIT.done;
      }
      const paint = painter(terminal.outInfo.colour);
      if (rows.length === 0) {
        const all = states.length === DEFAULT_STATES.length && to === undefined;
        terminal.out(all ? "Nothing waits: every message is finished.\n" : "There is no such message.\n");
      }
      terminal.out(
        renderTable(rows, columns(states, paint, clock.nowMs(), showNumbers), paint, terminal.outInfo.columns),
      );
      if (rows.length === limit) terminal.out(`\nThere may be more: outbox list --after ${rows.at(-1)!.id}\n`);
      return EXIT.done;
    });
  },
};

type Entry = OutboxListing & { readonly waits: readonly Wait[] };

/** What holds a message, in a word. */
const BRIEF: Readonly<Partial<Record<WaitCode, (wait: Wait) => string>>> = {
  no_service: () => "no service",
  signal: () => "Signal away",
  pause: ({ reason }) => reason ?? "paused",
  lane: ({ behind }) => `behind ${behind}`,
  due: ({ reason }) => reason ?? "not due",
  pacing: () => "pacing",
  new_contact: () => "new contact",
};

function why({ state, reason, waits: [first] }: Entry): string {
  if (first !== undefined) return BRIEF[first.code]?.(first) ?? first.code;
  return state === "queued" ? "ready" : reason ?? "";
}

function readStates(text: string | undefined): readonly State[] {
  if (text === undefined) return DEFAULT_STATES;
  return [...new Set(text.split(",").map((word) => oneOf(word.trim(), "--state", STATES)!))];
}

/** @throws {CliProblem} `usage` */
function readRecipient(text: string | undefined): Address | undefined {
  if (text === undefined) return undefined;
  if (isPhoneNumber(text)) return makeTel(text);
  if (isServiceId(text.toLowerCase())) return makeAci(text);
  if (isSignalGroupId(text)) return makeGroup(text);
  throw notAccepted("--to", "a phone number as +441632960001, a Signal service id, or a group id");
}

/** The table has no index by recipient, so pages are read until enough fit. */
async function read(
  outbox: OutboxStore,
  { states, to, afterId, limit }: {
    readonly states: readonly State[];
    readonly to: Address | undefined;
    readonly afterId: number;
    readonly limit: number;
  },
): Promise<readonly OutboxListing[]> {
  if (to === undefined) return await outbox.list({ states, afterId, limit });
  const fitting: OutboxListing[] = [];
  for (let after = afterId; fitting.length < limit;) {
    const page = await outbox.list({ states, afterId: after, limit: LARGEST_LIMIT });
    fitting.push(...page.filter((row) => row.recipient === to));
    if (page.length < LARGEST_LIMIT) break;
    after = page.at(-1)!.id;
  }
  return fitting.slice(0, limit);
}

/** A column appears only where it differs between rows: every dead letter is dead and has no next try. */
function columns(
  states: readonly State[],
  paint: Painter,
  nowMs: number,
  showNumbers: boolean,
): readonly Column<Entry>[] {
  const state: Column<Entry> = { title: "STATE", value: (row) => row.state };
  const next: Column<Entry> = {
    title: "NEXT",
    value: ({ waits }) => {
      const untilMs = Math.max(...waits.map(({ untilAtMs }) => untilAtMs ?? 0));
      return untilMs > nowMs ? `in ${formatSpan(untilMs - nowMs)}` : "";
    },
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
    { title: "WHY", value: why, paint: (cell) => cell === "ready" ? cell : paint.warn(cell) },
  ];
}

function forPrograms(row: Entry, showNumbers: boolean): object {
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
    waits: row.waits.map(({ code, text, behind, reason, untilAtMs }) => ({
      code,
      text,
      behind: behind ?? null,
      reason: reason ?? null,
      untilAt: untilAtMs === undefined ? null : new Date(untilAtMs).toISOString(),
    })),
  };
}
