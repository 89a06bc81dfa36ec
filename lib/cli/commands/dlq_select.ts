/** Which dead letters a command is about: named ones, or all that fit. @module */
import { StoreUnavailable } from "../../domain/errors.ts";
import type { DeadFilter, DeadMessage, Store } from "../../store/port.ts";
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
/** Names that `--json` holds of each sort; there may be millions. */
export const MOST_NAMES = 10_000;
/** Names that a person is shown; more would bury the numbers. */
const SHOWN_NAMES = 10;
/** Events of one transaction. */
const EVENTS_PER_STEP = 100;

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

/** Some of what was chosen, in the order of their ids. */
export interface Batch {
  readonly messages: readonly Pick<DeadMessage, "id" | "replays">[];
  readonly events: readonly number[];
}

export interface Chosen {
  /** How many there were when they were counted. */
  readonly total: number;
  /** Named, but not dead: replayed or dropped by somebody else, or never there. */
  readonly notDead: readonly string[];
  /** Read while they are worked on, so that millions of them take no memory. */
  batches(): AsyncIterable<Batch>;
}

export async function choose(store: Store, choice: Choice, context: CliContext): Promise<Chosen> {
  if (choice.by === "filter") return await chooseFitting(store, choice.filter, context);
  const messages: Pick<DeadMessage, "id" | "replays">[] = [];
  const events: number[] = [];
  const notDead: string[] = [];
  const seen = new Set<string>();
  for (const { type, id } of choice.ids) {
    const name = type === "message" ? String(id) : inboxName(id);
    if (seen.has(name)) continue;
    seen.add(name);
    const found = type === "message" ? await store.outbox.find(id) : await store.inbox.find(id);
    if (found?.state !== "dead") notDead.push(name);
    else if (type === "message") messages.push({ id, replays: "replays" in found ? found.replays : 0 });
    else events.push(id);
  }
  return {
    total: messages.length + events.length,
    notDead,
    async *batches() {
      yield { messages, events };
    },
  };
}

/** As the command line names it. */
export function inboxName(id: number): string {
  return `inbox:${id}`;
}

/** Counts first, for the question and the bar. */
async function chooseFitting(store: Store, filter: Omit<DeadFilter, "limit">, context: CliContext): Promise<Chosen> {
  // What dies later was not chosen, and above all not what was replayed and dies again, under a new id.
  const [newestMessage] = await store.outbox.deadLetters({ newestFirst: true, limit: 1 });
  const [newestEvent] = await store.inbox.deadLetters({ newestFirst: true, limit: 1 });
  const messages = () => pages((page) => store.outbox.deadLetters({ ...filter, ...page }), newestMessage);
  const events = () => pages((page) => store.inbox.deadLetters({ ...filter, ...page }), newestEvent);
  const dead = (await store.outbox.backlog(context.clock.nowMs())).dead + (await store.inbox.backlog()).dead;
  let total = 0;
  const progress = startProgress(context.terminal, context.clock);
  try {
    for (const some of [messages(), events()]) {
      for await (const { length } of some) progress.update(total += length, dead, "counted");
    }
  } finally {
    progress.end();
  }
  return {
    total,
    notDead: [],
    async *batches() {
      for await (const some of messages()) yield { messages: some, events: [] };
      for await (const some of events()) yield { messages: [], events: some.map(({ id }) => id) };
    },
  };
}

async function* pages<T extends { readonly id: number }>(
  read: (
    page: { readonly afterId: number; readonly beforeId: number; readonly limit: number },
  ) => Promise<readonly T[]>,
  last: { readonly id: number } | undefined,
): AsyncGenerator<readonly T[]> {
  if (last === undefined) return;
  for (let afterId = 0;;) {
    const rows = await read({ afterId, beforeId: last.id + 1, limit: PAGE });
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)!.id;
  }
}

/** Names for the end of a command: all are counted, and as many are kept as anybody can use. */
export class Names<T = string> {
  readonly first: T[] = [];
  count = 0;

  add(names: readonly T[]): void {
    this.count += names.length;
    for (const name of names.slice(0, MOST_NAMES - this.first.length)) this.first.push(name);
  }
}

/** The first few names, and how many there are besides. */
export function some({ first, count }: Pick<Names, "first" | "count">): string {
  const rest = count - Math.min(count, SHOWN_NAMES);
  return first.slice(0, SHOWN_NAMES).join(", ") + (rest > 0 ? ` and ${rest.toLocaleString("en")} more` : "");
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

/** Works on events in transactions of some. @param onProgress how many were looked at */
export async function inEventSteps(
  events: readonly number[],
  work: (ids: readonly number[]) => Promise<readonly number[]>,
  onProgress: (done: number) => void,
): Promise<readonly number[]> {
  const moved: number[] = [];
  for (let at = 0; at < events.length; at += EVENTS_PER_STEP) {
    const step = events.slice(at, at + EVENTS_PER_STEP);
    moved.push(...await work(step));
    onProgress(at + step.length);
  }
  return moved;
}

/** `1 dead letter`, `3 dead letters`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
