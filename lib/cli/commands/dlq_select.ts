/** Which dead letters a command is about: named ones, or all that fit. @module */
import { StoreUnavailable } from "../../domain/errors.ts";
import type { DeadFilter, DeadMessage, InboxListing, Store } from "../../store/port.ts";
import type { ArgumentSpec, CliContext, Invocation, OptionSpec } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { startProgress } from "../screen/progress.ts";
import { DEAD_REASONS } from "../story/reasons.ts";
import { parseReference, type Reference } from "../story/reference.ts";
import { notAccepted, oneOf, span } from "./shared.ts";

export const CHANNELS = ["signal"] as const;
/** Rows of one read. */
const PAGE = 1_000;

export const FILTERS: readonly OptionSpec[] = [
  { flags: "--reason <reason>", description: "only those that died of this, as dlq list names it" },
  { flags: "--channel <channel>", description: `only those of this channel (${CHANNELS.join(", ")})` },
  { flags: "--older-than <span>", description: "only those that have been dead longer than 45s, 30m, 12h or 2d" },
];

export const ALL: OptionSpec = { flags: "--all", description: "every dead letter" };

export const IDS: ArgumentSpec = {
  name: "[ids...]",
  description: "as dlq list shows them: 12 for a message, inbox:12 for something that was received",
};

/** The filters of a command line. @throws {CliProblem} `usage` */
export function readFilter(invocation: Invocation, nowMs: number): Omit<DeadFilter, "limit"> {
  const reason = oneOf(invocation.text("reason"), "--reason", DEAD_REASONS);
  const channel = oneOf(invocation.text("channel"), "--channel", CHANNELS);
  const olderThanMs = span(invocation.text("older-than"), "--older-than");
  return {
    ...(reason !== undefined && { reason }),
    ...(channel !== undefined && { channel }),
    ...(olderThanMs !== undefined && { diedUntilMs: nowMs - olderThanMs }),
  };
}

/** What was asked for: ids, or conditions. */
export type Choice =
  | { readonly by: "ids"; readonly ids: readonly Reference[] }
  | { readonly by: "filter"; readonly filter: Omit<DeadFilter, "limit"> };

/**
 * Exactly one of ids, filters and `--all`, so that nobody drops more than was meant.
 * @param own options of the command that are filters only without ids
 * @throws {CliProblem} `usage`
 */
export function readChoice(
  invocation: Invocation,
  { clock }: CliContext,
  own: readonly string[] = [],
): Choice {
  const words = invocation.list("ids");
  const filters = ["reason", "channel", "older-than"].filter((name) => invocation.text(name) !== undefined);
  const all = invocation.flag("all");
  if (words.length > 0) {
    const tooMany = [...filters.filter((name) => !own.includes(name)), ...(all ? ["all"] : [])];
    if (tooMany.length > 0) throw new CliProblem(EXIT.usage, `ids and --${tooMany[0]} exclude each other`);
    return { by: "ids", ids: words.map(deadReference) };
  }
  if (all && filters.length > 0) {
    throw new CliProblem(EXIT.usage, `--all and --${filters[0]} exclude each other`, {
      next: "Leave out --all: every dead letter that fits the conditions is taken.",
    });
  }
  if (!all && filters.length === 0) {
    throw new CliProblem(EXIT.usage, "which dead letters?", {
      details: ["accepted: ids, or --reason, --channel and --older-than, or --all"],
      next: "signal-automation dlq list",
    });
  }
  return { by: "filter", filter: readFilter(invocation, clock.nowMs()) };
}

/** @throws {CliProblem} `usage` when it is no id of a message or of something received */
export function deadReference(word: string): Reference {
  const reference = parseReference(word);
  if (reference === undefined || reference.type === "order") {
    throw notAccepted("id", "12 for a message, inbox:12 for something that was received");
  }
  return reference;
}

export interface Chosen {
  readonly messages: readonly Pick<DeadMessage, "id" | "replays">[];
  readonly events: readonly number[];
  /** Named, but not dead: replayed or dropped by somebody else, or never there. */
  readonly notDead: readonly string[];
}

export async function choose(store: Store, choice: Choice): Promise<Chosen> {
  if (choice.by === "filter") {
    return {
      messages: await Array.fromAsync(pages((page) => store.outbox.deadLetters({ ...choice.filter, ...page }))),
      events: (await Array.fromAsync<InboxListing>(pages((page) =>
        store.inbox.deadLetters({ ...choice.filter, ...page })
      ))).map(({ id }) => id),
      notDead: [],
    };
  }
  const messages: Pick<DeadMessage, "id" | "replays">[] = [];
  const events: number[] = [];
  const notDead: string[] = [];
  const seen = new Set<string>();
  for (const { type, id } of choice.ids) {
    const name = type === "message" ? String(id) : `inbox:${id}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const found = type === "message" ? await store.outbox.find(id) : await store.inbox.find(id);
    if (found?.state !== "dead") notDead.push(name);
    else if (type === "message") messages.push({ id, replays: "replays" in found ? found.replays : 0 });
    else events.push(id);
  }
  return { messages, events, notDead };
}

async function* pages<T extends { readonly id: number }>(
  read: (page: { readonly afterId: number; readonly limit: number }) => Promise<readonly T[]>,
): AsyncGenerator<T> {
  for (let afterId = 0;;) {
    const rows = await read({ afterId, limit: PAGE });
    yield* rows;
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)!.id;
  }
}

/** Asks a person, or takes `--yes`. @param question without the choice behind it @throws {CliProblem} `usage` */
export async function confirm(question: string, invocation: Invocation, { terminal }: CliContext): Promise<void> {
  if (invocation.flag("yes")) return;
  const answer = terminal.interactive ? await terminal.ask(`${question} [y/N] `) : undefined;
  if (/^y(es)?$/i.test(answer?.trim() ?? "")) return;
  throw new CliProblem(
    EXIT.usage,
    terminal.interactive ? "nothing was changed" : "this asks first, and here is nobody to ask",
    { next: "Say yes beforehand: add --yes" },
  );
}

/**
 * Runs work in steps with a bar on standard error. When the database goes away in the middle, what was done stays done,
 * and that is said before the error is.
 */
export async function inSteps<T>(
  { terminal, clock }: CliContext,
  total: number,
  work: (update: (done: number, label: string) => void) => Promise<T>,
): Promise<T> {
  const progress = startProgress(terminal, clock);
  let last = 0;
  try {
    return await work((done, label) => {
      last = done;
      progress.update(done, total, label);
    });
  } catch (error) {
    progress.end();
    if (error instanceof StoreUnavailable && last > 0) {
      const figures = `${last.toLocaleString("en")} of ${total.toLocaleString("en")}`;
      terminal.err(`${figures} were done and stay so; the same command goes on with the rest.\n`);
    }
    throw error;
  } finally {
    progress.end();
  }
}

/** `1 dead letter`, `3 dead letters`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
