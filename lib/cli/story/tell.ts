/** Finds what an id stands for and tells its story. @module */
import type { CliContext, Invocation } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { inboundStory } from "./inbound.ts";
import { storyJson } from "./json.ts";
import { messageStory } from "./message.ts";
import { Moments } from "./moment.ts";
import { orderStory } from "./order.ts";
import { storyPage } from "./page.ts";
import type { Reference } from "./reference.ts";
import type { Story } from "./story.ts";
import type { Surroundings } from "./surroundings.ts";

/** @throws {CliProblem} `failed` when there is nothing with this id */
export async function storyOf({ type, id }: Reference, around: Surroundings): Promise<Story> {
  const tell = { message: messageStory, order: orderStory, inbox: inboundStory }[type];
  const story = await tell(id, around);
  if (story !== undefined) return story;
  const absent = {
    message: {
      what: `there is no message ${id}`,
      details: ["Finished messages, and the ids of messages before a replay, are kept for RETENTION_DAYS."],
      next: "signal-automation outbox list   or   signal-automation explain order:ID",
    },
    order: { what: `there is no order ${id}`, details: [], next: undefined },
    inbox: {
      what: `there is no received message ${id}`,
      details: ["Finished ones are kept for a while only."],
      next: "signal-automation dlq list",
    },
  }[type];
  throw new CliProblem(EXIT.failed, absent.what, {
    details: absent.details,
    ...(absent.next !== undefined && { next: absent.next }),
  });
}

/** Prints it as the command line asks. */
export function printStory(story: Story, around: Surroundings, invocation: Invocation, { terminal }: CliContext): void {
  if (invocation.flag("json")) {
    printJson(terminal, storyJson(story));
    return;
  }
  const { colour, columns } = terminal.outInfo;
  const moments = new Moments(around.config.shop.timeZone, around.clock.nowMs());
  terminal.out(storyPage(story, { moments, paint: painter(colour), columns }));
}
