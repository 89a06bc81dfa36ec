/** `dlq drop` @module */
import { openDeadLetters } from "../../app/database.ts";
import { type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT, YES } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { labelled } from "../screen/width.ts";
import { withStore } from "../store.ts";
import { ALL, choose, confirm, counted, FILTERS, IDS, inSteps, readChoice } from "./dlq_select.ts";
import { notAccepted } from "./shared.ts";

/** Recorded when nobody says why. */
const DEFAULT_NOTE = "dropped by hand";
/** What the column holds, characters. */
const LONGEST_NOTE = 190;
/** Events of one transaction. */
const EVENTS_PER_STEP = 100;

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
      const chosen = await choose(store, choice);
      const total = chosen.messages.length + chosen.events.length;
      if (total > 0) await confirm(`Drop ${counted(total, "dead letter")} for good?`, invocation, context);
      const { messages, events } = await inSteps(context, total, async (update) => {
        const messages = await openDeadLetters(store, config, clock).drop(
          chosen.messages.map(({ id }) => id),
          note,
          (done) => update(done, "messages"),
        );
        let events = 0;
        for (let at = 0; at < chosen.events.length; at += EVENTS_PER_STEP) {
          const step = chosen.events.slice(at, at + EVENTS_PER_STEP);
          events += (await store.inbox.drop(step, note, clock.nowMs())).length;
          update(chosen.messages.length + at + step.length, "received messages");
        }
        return { messages, events };
      });
      const exit = chosen.notDead.length === 0 ? EXIT.done : EXIT.failed;
      if (invocation.flag("json")) {
        printJson(terminal, { dropped: { messages, inbound: events }, notDead: chosen.notDead, note });
        return exit;
      }
      const paint = painter(terminal.outInfo.colour);
      const say = (mark: string, text: string) => terminal.out(labelled(mark, text, terminal.outInfo.columns));
      if (total + chosen.notDead.length === 0) terminal.out("There are no dead letters that fit.\n");
      if (messages > 0) say(paint.good("✓"), `${counted(messages, "message")} dropped and recorded (${note}).`);
      if (events > 0) say(paint.good("✓"), `${counted(events, "received message")} dropped and recorded (${note}).`);
      if (chosen.notDead.length > 0) say(paint.warn("!"), `Not dead (any more): ${chosen.notDead.join(", ")}.`);
      return exit;
    });
  },
};

function noteOf(invocation: Invocation, byIds: boolean): string {
  const note = (invocation.text("note") ?? (byIds ? invocation.text("reason") : undefined))?.trim() ?? DEFAULT_NOTE;
  if (note === "" || [...note].length > LONGEST_NOTE) throw notAccepted("--note", `1 to ${LONGEST_NOTE} characters`);
  return note;
}
