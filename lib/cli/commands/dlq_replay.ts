/** `dlq replay` @module */
import { openDeadLetters } from "../../app/database.ts";
import type { Config } from "../../config/config.ts";
import type { Replayed } from "../../outbox/dead_letters.ts";
import type { Store } from "../../store/port.ts";
import { type CliContext, type CommandSpec, ENV_FILE, JSON_OUTPUT, YES } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { labelled } from "../screen/width.ts";
import { withStore } from "../store.ts";
import { ALL, choose, confirm, counted, FILTERS, IDS, inSteps, readChoice } from "./dlq_select.ts";

/** Events of one transaction. */
const EVENTS_PER_STEP = 100;
/** Ids that a summary names; more would bury the numbers. */
const NAMED = 10;

export const dlqReplayCommand: CommandSpec = {
  path: ["dlq", "replay"],
  summary: "Send dead letters again",
  details:
    "Messages go to the end of their recipient's queue in their old order, under a new id, with all their tries; " +
    "received ones are handled again. It can be interrupted at any moment: nothing is sent twice and nothing is lost. " +
    "A message is replayed DLQ_MAX_RETRIES times at most. Asks before it replays what was not named by id.",
  arguments: [IDS],
  options: [...FILTERS, ALL, YES, JSON_OUTPUT, ENV_FILE],
  examples: [
    { line: "signal-automation dlq replay 1", meaning: "one message" },
    {
      line: "signal-automation dlq replay --reason network --older-than 2h --yes",
      meaning: "after a failure of the network",
    },
  ],
  run(invocation, context) {
    const choice = readChoice(invocation, context);
    return withStore(invocation, context, async (store, config) => {
      const { terminal } = context;
      const chosen = await choose(store, choice);
      const limit = config.delivery.dlqMaxRetries;
      const fresh = chosen.messages.filter(({ replays }) => replays < limit).map(({ id }) => id);
      const refused = chosen.messages.filter(({ replays }) => replays >= limit).map(({ id }) => String(id));
      const count = fresh.length + chosen.events.length;
      if (choice.by === "filter" && count > 0) {
        await confirm(`Replay ${counted(count, "dead letter")}?`, invocation, context);
      }
      const done = await replay(store, config, context, fresh, chosen.events);
      const gone = [...chosen.notDead, ...done.gone];
      const exit = refused.length + gone.length === 0 ? EXIT.done : EXIT.failed;
      if (invocation.flag("json")) {
        printJson(terminal, {
          replayed: done.messages.map(({ oldId, newId }) => ({ id: oldId, newId })),
          inbound: done.events.map((id) => `inbox:${id}`),
          refused,
          notDead: gone,
          limit,
        });
        return exit;
      }
      const paint = painter(terminal.outInfo.colour);
      const say = (mark: string, text: string) => terminal.out(labelled(mark, text, terminal.outInfo.columns));
      if (count + refused.length + chosen.notDead.length === 0) terminal.out("There are no dead letters that fit.\n");
      if (done.messages.length > 0) {
        const ids = done.messages.map(({ oldId, newId }) => `${oldId} is now ${newId}`);
        say(
          paint.good("✓"),
          `${counted(done.messages.length, "message")} queued again, behind everything for the same recipients ` +
            `(${some(ids)}).`,
        );
      }
      if (done.events.length > 0) {
        const names = some(done.events.map((id) => `inbox:${id}`));
        say(paint.good("✓"), `${counted(done.events.length, "received message")} will be handled again (${names}).`);
      }
      if (refused.length > 0) {
        say(
          paint.warn("!"),
          `${counted(refused.length, "message")} refused, already replayed ${
            limit === 1 ? "once" : `${limit} times`
          } ` +
            `(${some(refused)}). Drop them, or raise DLQ_MAX_RETRIES.`,
        );
      }
      if (gone.length > 0) say(paint.warn("!"), `Not dead (any more): ${some(gone)}.`);
      return exit;
    });
  },
};

interface Done {
  readonly messages: readonly Replayed[];
  readonly events: readonly number[];
  /** Were dead when we looked, and somebody else was quicker. */
  readonly gone: readonly string[];
}

function replay(
  store: Store,
  config: Config,
  context: CliContext,
  messageIds: readonly number[],
  eventIds: readonly number[],
): Promise<Done> {
  return inSteps(context, messageIds.length + eventIds.length, async (update) => {
    const letters = openDeadLetters(store, config, context.clock);
    const messages = await letters.replay(messageIds, (done) => update(done, "messages"));
    const events: number[] = [];
    for (let at = 0; at < eventIds.length; at += EVENTS_PER_STEP) {
      const step = eventIds.slice(at, at + EVENTS_PER_STEP);
      events.push(...await store.inbox.replay(step, context.clock.nowMs()));
      update(messageIds.length + at + step.length, "received messages");
    }
    const moved = new Set([...messages.map(({ oldId }) => String(oldId)), ...events.map((id) => `inbox:${id}`)]);
    const wanted = [...messageIds.map(String), ...eventIds.map((id) => `inbox:${id}`)];
    return { messages, events, gone: wanted.filter((name) => !moved.has(name)) };
  });
}

/** The first few names of a list. */
export function some(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return names.slice(0, NAMED).join(", ") + (rest > 0 ? ` and ${rest.toLocaleString("en")} more` : "");
}
