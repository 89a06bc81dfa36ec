/** `prune` @module */
import { RETENTION_TABLES, type RetentionTable } from "../../store/port.ts";
import { type RemovedRows, type RetentionOptions, runRetention, total } from "../../store/retention.ts";
import { noCounters } from "../../runtime/counters.ts";
import { type CliContext, type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT, YES } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { renderTable } from "../screen/table.ts";
import { withStore } from "../store.ts";
import { confirm, counted, inSteps } from "./dlq_select.ts";

const WHAT: Readonly<Record<RetentionTable, string>> = {
  outbox_archive: "finished messages, with their tries and receipts",
  inbox: "finished received messages",
  idempotency_keys: "keys that recognise a repetition",
  order_deliveries: "records of notified orders",
};

export const pruneCommand: CommandSpec = {
  path: ["prune"],
  summary: "Remove finished messages older than RETENTION_DAYS now",
  details:
    "The running service does this by itself once a day; it may run meanwhile. Orders, affiliates and everything that " +
    "is not finished or is dead stays. What recognises a repetition is kept for 60 days at least. Counts first, then " +
    "asks. Ctrl-C stops between two small steps; what was removed stays removed.",
  options: [{ flags: "--dry-run", description: "only count" }, YES, JSON_OUTPUT, ENV_FILE],
  examples: [
    { line: "signal-automation prune --dry-run", meaning: "what would go" },
    { line: "signal-automation prune --yes", meaning: "from a script" },
  ],
  run(invocation, context) {
    return withStore(invocation, context, async (store, config) => {
      const { retentionDays } = config.privacy;
      const holder = crypto.randomUUID();
      const options = { store, holder, retentionDays, clock: context.clock, counters: noCounters };
      const stop = new AbortController();
      const unlisten = (["SIGINT", "SIGTERM"] as const).map((name) => context.onSignal(name, () => stop.abort()));
      try {
        return await prune(invocation, context, options, stop.signal);
      } finally {
        for (const end of unlisten) end();
      }
    });
  },
};

async function prune(
  invocation: Invocation,
  context: CliContext,
  options: RetentionOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const found = await runRetention(options, { dryRun: true, signal });
  const rows = total(found.removed);
  if (invocation.flag("dry-run") || signal.aborted) {
    tell(invocation, context, "old", found.removed, found.end, options.retentionDays);
    return found.end === "complete" ? EXIT.done : EXIT.failed;
  }
  if (rows > 0) await confirm(`Remove ${counted(rows, "row")} for good?`, invocation, context);
  const { end, removed } = await inSteps(
    context,
    rows,
    (update) => runRetention(options, { signal, onProgress: (done, table) => update(done, WHAT[table]) }),
  );
  tell(invocation, context, "removed", removed, end, options.retentionDays);
  return end === "complete" ? EXIT.done : EXIT.failed;
}

/** @param done what the figures are: rows that are old, or that were removed */
function tell(
  invocation: Invocation,
  { terminal }: CliContext,
  done: "old" | "removed",
  rows: RemovedRows,
  end: "complete" | "cut_short" | "busy",
  retentionDays: number,
): void {
  if (invocation.flag("json")) return printJson(terminal, { retentionDays, end, [done]: rows });
  const paint = painter(terminal.outInfo.colour);
  if (end === "busy") {
    terminal.out("Another program is removing old rows now; nothing was done here.\n");
    return;
  }
  const shown = RETENTION_TABLES.filter((table) => rows[table] > 0);
  if (shown.length > 0) {
    terminal.out(renderTable(
      shown,
      [
        {
          title: done === "old" ? "Old rows" : "Removed",
          value: (table) => rows[table].toLocaleString("en"),
          align: "right",
        },
        { title: "What", value: (table) => WHAT[table] },
      ],
      paint,
      terminal.outInfo.columns,
    ));
  } else terminal.out(`Nothing is older than RETENTION_DAYS (${retentionDays}).\n`);
  if (end === "cut_short") terminal.out(paint.warn("Stopped before the end; the same command goes on.\n"));
}
