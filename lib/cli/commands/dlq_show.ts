/** `dlq show` @module */
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { withStore } from "../store.ts";
import { look } from "../story/surroundings.ts";
import { printStory, storyOf } from "../story/tell.ts";
import { deadReference } from "./dlq_select.ts";
import { SHOW_TEXT } from "./explain.ts";
import { SHOW_NUMBERS } from "./shared.ts";

export const dlqShowCommand: CommandSpec = {
  path: ["dlq", "show"],
  summary: "Show one dead letter in full",
  details: "Each try, why it was given up, and what you can do.",
  arguments: [{ name: "<id>", description: "12 for a message, inbox:12 for something that was received" }],
  options: [SHOW_NUMBERS, SHOW_TEXT, JSON_OUTPUT, ENV_FILE],
  examples: [{ line: "signal-automation dlq show 1", meaning: "as dlq list names it" }],
  run(invocation, context) {
    const word = invocation.text("id")!;
    const reference = deadReference(word);
    return withStore(invocation, context, async (store, config) => {
      const show = { numbers: invocation.flag("show-numbers"), text: invocation.flag("show-text") };
      const around = await look(store, config, context.clock, show);
      const story = await storyOf(reference, around);
      if (story.type === "order" || story.state !== "dead") {
        throw new CliProblem(EXIT.failed, `${word} is no dead letter, its state is ${story.state}`, {
          next: `signal-automation explain ${word}`,
        });
      }
      printStory(story, around, invocation, context);
      return EXIT.done;
    });
  },
};
