/** `dlq drop` @module */
import { openDeadLetters } from "../../app/database.ts";
import { type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT, YES } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { labelled } from "../screen/width.ts";
import { withStore } from "../store.ts";
import {
  ALL,
  choose,
  confirm,
  counted,
  FILTERS,
  IDS,
  inboxName,
  inEventSteps,
  inSteps,
  Names,
  readChoice,
  some,
} from "./dlq_select.ts";
import { notAccepted } from "./shared.ts";

/** Recorded when nobody says why. */
const DEFAULT_NOTE = "dropped by hand";
/** What the column holds, characters. */
const LONGEST_NOTE = 190;

export const dlqDropCommand: CommandSpec = {
  path: ["dlq", "drop"],
  summary: "Give dead letters up for good",
  details:
    "They are not owed any more: an order whose other messages arrived gets its flag. The drop and its note are " +
    "recorded. Always asks. With ids, --reason means the same as --note.",
  arguments: [IDS],
  options: [
    ...FILTERS,
    ALL,
    { flags: "--note <text>", description: `why, for the record (default: ${DEFAULT_NOTE})` },
    YES,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation dlq drop 2 --note duplicate --yes", meaning: "one message" },
    {
      line: "signal-automation dlq drop --reason expired --older-than 7d --yes",
      meaning: "what is too old to matter",
    },
  ],
  run(invocation, context) {
    const choice = readChoice(invocation, context, ["reason"]);
    const note = noteOf(invocation, choice.by === "ids");
    return withStore(invocation, context, async (store, config) => {
      const { terminal, clock } = context;
      const chosen = await choose(store, choice, context);
      const { total } = chosen;
      if (total > 0) await confirm(`Drop ${counted(total, "dead letter")} for good?`, invocation, context);
      const notDead = new Names();
      notDead.add(chosen.notDead);
      const { messages, events } = await inSteps(context, total, async (update) => {
        const letters = openDeadLetters(store, config, clock);
        let [messages, events, before] = [0, 0, 0];
        for await (const batch of chosen.batches()) {
          const ids = batch.messages.map(({ id }) => id);
          const gone = new Set(await letters.drop(ids, note, (done) => update(before + done, "messages")));
          before += ids.length;
          const drop = (some: readonly number[]) => store.inbox.drop(some, note, clock.nowMs());
          const handled = new Set(
            await inEventSteps(batch.events, drop, (done) => update(before + done, "received messages")),
          );
          before += batch.events.length;
          messages += gone.size;
          events += handled.size;
          // Chosen as dead, and replayed or dropped by somebody else since.
          notDead.add(ids.filter((id) => !gone.has(id)).map(String));
          notDead.add(batch.events.filter((id) => !handled.has(id)).map(inboxName));
        }
        return { messages, events };
      });
      const exit = notDead.count === 0 ? EXIT.done : EXIT.failed;
      if (invocation.flag("json")) {
        printJson(terminal, {
          dropped: { messages, inbound: events },
          notDead: notDead.first,
          counts: { dropped: messages + events, notDead: notDead.count },
          note,
        });
        return exit;
      }
      const paint = painter(terminal.outInfo.colour);
      const say = (mark: string, text: string) => terminal.out(labelled(mark, text, terminal.outInfo.columns));
      if (total + notDead.count === 0) terminal.out("There are no dead letters that fit.\n");
      if (messages > 0) say(paint.good("✓"), `${counted(messages, "message")} dropped and recorded (${note}).`);
      if (events > 0) say(paint.good("✓"), `${counted(events, "received message")} dropped and recorded (${note}).`);
      if (notDead.count > 0) say(paint.warn("!"), `Not dead (any more): ${some(notDead)}.`);
      return exit;
    });
  },
};

function noteOf(invocation: Invocation, byIds: boolean): string {
  const note = (invocation.text("note") ?? (byIds ? invocation.text("reason") : undefined))?.trim() ?? DEFAULT_NOTE;
  if (note === "" || [...note].length > LONGEST_NOTE) throw notAccepted("--note", `1 to ${LONGEST_NOTE} characters`);
  return note;
}
