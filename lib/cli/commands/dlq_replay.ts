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
import {
  ALL,
  choose,
  type Chosen,
  confirm,
  counted,
  FILTERS,
  IDS,
  inboxName,
  inEventSteps,
  inSteps,
  MOST_NAMES,
  Names,
  readChoice,
  some,
} from "./dlq_select.ts";

export const dlqReplayCommand: CommandSpec = {
  path: ["dlq", "replay"],
  summary: "Send dead letters again",
  details:
    "Messages go to the end of their recipient's queue in their old order, under a new id, with all their tries; " +
    "received ones are handled again. It can be interrupted at any moment: nothing is sent twice and nothing is lost. " +
    "A message is replayed DLQ_MAX_RETRIES times at most. Asks before it replays what was not named by id. " +
    `--json names up to ${MOST_NAMES.toLocaleString("en")} of each sort and counts all.`,
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
      const chosen = await choose(store, choice, context);
      const { total } = chosen;
      if (choice.by === "filter" && total > 0) {
        await confirm(`Replay ${counted(total, "dead letter")}?`, invocation, context);
      }
      const limit = config.delivery.dlqMaxRetries;
      const { messages, events, refused, notDead } = await replay(store, config, context, chosen);
      const exit = refused.count + notDead.count === 0 ? EXIT.done : EXIT.failed;
      if (invocation.flag("json")) {
        printJson(terminal, {
          replayed: messages.first.map(({ oldId, newId }) => ({ id: oldId, newId })),
          inbound: events.first,
          refused: refused.first,
          notDead: notDead.first,
          counts: { replayed: messages.count, inbound: events.count, refused: refused.count, notDead: notDead.count },
          limit,
        });
        return exit;
      }
      const paint = painter(terminal.outInfo.colour);
      const say = (mark: string, text: string) => terminal.out(labelled(mark, text, terminal.outInfo.columns));
      if (total + notDead.count === 0) terminal.out("There are no dead letters that fit.\n");
      if (messages.count > 0) {
        const ids = {
          count: messages.count,
          first: messages.first.map(({ oldId, newId }) => `${oldId} is now ${newId}`),
        };
        say(
          paint.good("✓"),
          `${counted(messages.count, "message")} queued again, behind everything for the same recipients ` +
            `(${some(ids)}).`,
        );
      }
      if (events.count > 0) {
        say(paint.good("✓"), `${counted(events.count, "received message")} will be handled again (${some(events)}).`);
      }
      if (refused.count > 0) {
        say(
          paint.warn("!"),
          `${counted(refused.count, "message")} refused, already replayed ${limit === 1 ? "once" : `${limit} times`} ` +
            `(${some(refused)}). Drop them, or raise DLQ_MAX_RETRIES.`,
        );
      }
      if (notDead.count > 0) say(paint.warn("!"), `Not dead (any more): ${some(notDead)}.`);
      return exit;
    });
  },
};

interface Done {
  readonly messages: Names<Replayed>;
  readonly events: Names;
  /** Replayed too often before. */
  readonly refused: Names;
  /** Not dead when we looked, or not any more when we came to it, since somebody else was quicker. */
  readonly notDead: Names;
}

function replay(store: Store, config: Config, context: CliContext, chosen: Chosen): Promise<Done> {
  const limit = config.delivery.dlqMaxRetries;
  const done: Done = {
    messages: new Names<Replayed>(),
    events: new Names(),
    refused: new Names(),
    notDead: new Names(),
  };
  done.notDead.add(chosen.notDead);
  return inSteps(context, chosen.total, async (update) => {
    const letters = openDeadLetters(store, config, context.clock);
    let before = 0;
    for await (const batch of chosen.batches()) {
      const ids = batch.messages.filter(({ replays }) => replays < limit).map(({ id }) => id);
      done.refused.add(batch.messages.filter(({ replays }) => replays >= limit).map(({ id }) => String(id)));
      const replayed = await letters.replay(ids, (count) => update(before + count, "messages"));
      done.messages.add(replayed);
      const gone = new Set(replayed.map(({ oldId }) => oldId));
      done.notDead.add(ids.filter((id) => !gone.has(id)).map(String));
      before += batch.messages.length;
      const events = await inEventSteps(
        batch.events,
        (some) => store.inbox.replay(some, context.clock.nowMs()),
        (count) => update(before + count, "received messages"),
      );
      done.events.add(events.map(inboxName));
      const handled = new Set(events);
      done.notDead.add(batch.events.filter((id) => !handled.has(id)).map(inboxName));
      before += batch.events.length;
    }
    return done;
  });
}
