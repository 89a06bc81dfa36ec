/** `explain` @module */
import { type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT, type OptionSpec } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { withStore } from "../store.ts";
import { parseReference, type Reference } from "../story/reference.ts";
import { look } from "../story/surroundings.ts";
import { printStory, storyOf } from "../story/tell.ts";
import { notAccepted, SHOW_NUMBERS } from "./shared.ts";

export const SHOW_TEXT: OptionSpec = { flags: "--show-text", description: "show the text of the message" };
const ACCEPTED = "12 for a message, order:7 for an order, inbox:3 for something that was received";

export const explainCommand: CommandSpec = {
  path: ["explain"],
  summary: "Tell the whole story of a message, an order or something received",
  details: "What it is and for whom, each try, why it waits, what happens next, and what you can do. " +
    "Works beside a running service and without one.",
  arguments: [{ name: "[id]", description: ACCEPTED }],
  options: [
    { flags: "--order <id>", description: "the order with this id, the same as order:ID" },
    SHOW_NUMBERS,
    SHOW_TEXT,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation explain 3", meaning: "a message, as outbox list and dlq list name it" },
    { line: "signal-automation explain order:1", meaning: "an order of the shop: is it notified, and why not" },
  ],
  run(invocation, context) {
    const reference = readReference(invocation);
    return withStore(invocation, context, async (store, config) => {
      const show = { numbers: invocation.flag("show-numbers"), text: invocation.flag("show-text") };
      const around = await look(store, config, context.clock, show);
      printStory(await storyOf(reference, around), around, invocation, context);
      return EXIT.done;
    });
  },
};

function readReference(invocation: Invocation): Reference {
  const [id, order] = [invocation.text("id"), invocation.text("order")];
  if (id !== undefined && order !== undefined) throw new CliProblem(EXIT.usage, "an id and --order exclude each other");
  if (id === undefined && order === undefined) {
    throw new CliProblem(EXIT.usage, "what is to be explained?", { details: [`accepted: ${ACCEPTED}`] });
  }
  const reference = parseReference(order === undefined ? id! : `order:${order}`);
  if (reference === undefined) throw notAccepted(order === undefined ? "id" : "--order", ACCEPTED);
  return reference;
}
