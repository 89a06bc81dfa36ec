/** A story as a page for people. @module */
import type { Painter } from "../screen/paint.ts";
import { formatSpan } from "../screen/when.ts";
import { labelled, pad, wrap } from "../screen/width.ts";
import type { Moments } from "./moment.ts";
import type { InboundStory, MessageStory, OrderStory, Outlook, Story } from "./story.ts";

/** Columns of the names on the left. */
const NAMES = 9;
/** A command is never wrapped, so that it can be copied. */
const COMMAND = /^signal-automation /;
/** Receipts that are shown; a large group has hundreds. */
const MOST_RECEIPTS = 20;

export interface PageOptions {
  readonly moments: Moments;
  readonly paint: Painter;
  readonly columns: number;
}

/** @returns lines, ending in a line break */
export function storyPage(story: Story, options: PageOptions): string {
  const page = new Page(options);
  switch (story.type) {
    case "message":
      page.message(story);
      break;
    case "order":
      page.order(story);
      break;
    case "inbox":
      page.inbound(story);
      break;
  }
  return page.text;
}

class Page {
  text = "";
  readonly #o: PageOptions;

  constructor(options: PageOptions) {
    this.#o = options;
  }

  message(story: MessageStory): void {
    const { moments, paint } = this.#o;
    this.#title(`Message ${story.id}`, story.state);
    this.#sentence(story.verdict);
    this.#pair("what", story.what);
    this.#pair("for", story.to);
    this.#pair(story.replays > 0 ? "replayed" : "enqueued", moments.full(story.enqueuedAtMs));
    if (story.replays > 0) this.#pair("replays", String(story.replays));
    for (const [at, { id, replayedAtMs }] of story.earlier.entries()) {
      const as = story.earlier[at + 1]?.id ?? story.id;
      this.#pair("id before", `${id}, replayed as ${as} at ${moments.full(replayedAtMs)}`);
    }
    this.#pair("tries", `${story.tries.used} of ${story.tries.allowed} failed`);
    if (story.finishedAtMs !== undefined) this.#pair("ended", moments.full(story.finishedAtMs));
    else if (story.expiresAtMs !== undefined) this.#pair("expires", moments.full(story.expiresAtMs));
    if (story.text !== undefined) this.#quote(story.text);
    if (story.attempts.length > 0) {
      this.#heading("What happened");
      const replays = story.replays === 0
        ? []
        : [...new Set([...story.earlier.map(({ replayedAtMs }) => replayedAtMs), story.enqueuedAtMs])];
      const replayedBefore = (ms: number) => {
        for (; replays.length > 0 && replays[0]! <= ms; replays.shift()) {
          this.#line(moments.at(replays[0]!), `replayed (${moments.relative(replays[0]!)})`);
        }
      };
      for (const each of story.attempts) {
        replayedBefore(each.handedOverAtMs + each.tookMs);
        const how = `handed over, ${formatSpan(each.tookMs)} later ${each.text}`;
        const text = each.outcome === "unknown" ? `${each.text} (after ${formatSpan(each.tookMs)})` : how;
        const free = each.outcome === "accepted" || each.counted ? "" : " This cost no try.";
        const dot = /[.)]$/.test(text) || free === "" ? "" : ".";
        const ago = moments.relative(each.handedOverAtMs);
        this.#line(moments.at(each.handedOverAtMs), `try ${each.number} (${ago}): ${text}${dot}${free}`);
      }
      replayedBefore(Infinity);
    }
    if (story.receipts.length > 0) {
      this.#heading("Receipts");
      for (const { from, kind, atMs } of story.receipts.slice(0, MOST_RECEIPTS)) {
        this.#line(moments.at(atMs), `${paint.good(kind)} (${moments.relative(atMs)}): ${from}`);
      }
      const more = story.receipts.length - MOST_RECEIPTS;
      if (more > 0) this.#sentence(`and ${more} more, all in --json`);
    }
    if (story.notReached.length > 0) {
      this.#heading("Members that it did not reach");
      for (const { who, text } of story.notReached) this.#item(`${who}: ${text}`);
      this.#sentence("They are not written to privately.");
    }
    this.#outlook(story);
  }

  order(story: OrderStory): void {
    const { moments } = this.#o;
    this.#title(`Order ${story.id}`, story.state === "none" ? "not looked at" : story.state);
    this.#sentence(story.flag);
    if (story.generation > 1) this.#pair("notice", `number ${story.generation}; its flag was turned back before`);
    if (story.openedAtMs !== undefined) this.#pair("opened", moments.full(story.openedAtMs));
    if (story.changedAtMs !== undefined) this.#pair("changed", moments.full(story.changedAtMs));
    this.#brief("Messages", story.messages);
    if (story.olderMessages > 0) this.#sentence(`and ${story.olderMessages} older ones`);
    this.#outlook(story);
  }

  inbound(story: InboundStory): void {
    const { moments } = this.#o;
    this.#title(`Received message ${story.id}`, story.state);
    this.#sentence(story.verdict);
    this.#pair("what", story.what);
    if (story.from !== undefined) this.#pair("from", story.from);
    this.#pair("received", moments.full(story.receivedAtMs));
    if (story.state !== "done") this.#pair("tries", `${story.tries.used} of ${story.tries.allowed} failed`);
    if (story.finishedAtMs !== undefined) this.#pair("ended", moments.full(story.finishedAtMs));
    if (story.text !== undefined) this.#quote(story.text);
    this.#brief("What it caused", story.messages);
    this.#outlook(story);
  }

  #brief(heading: string, messages: readonly MessageStory[]): void {
    if (messages.length === 0) return;
    this.#heading(heading);
    for (const { id, state, what, to, verdict, finishedAtMs, enqueuedAtMs, attempts, notReached } of messages) {
      const since = this.#o.moments.full(finishedAtMs ?? enqueuedAtMs);
      const tried = attempts.length === 0
        ? ""
        : ` Handed over ${attempts.length === 1 ? "once" : `${attempts.length} times`}.`;
      const missed = notReached.length === 0
        ? ""
        : ` It did not reach ${notReached.length === 1 ? "one member" : `${notReached.length} members`}.`;
      this.#item(
        `${this.#o.paint.bold(String(id))} ${
          this.#state(state)
        }: ${what}, to ${to}. ${verdict}${missed}${tried} ${since}`,
      );
    }
  }

  #outlook({ waits, next, actions }: Outlook): void {
    const { moments, paint } = this.#o;
    if (waits.length > 0) {
      this.#heading("Why it waits");
      for (const { text, untilAtMs } of waits) {
        const ahead = untilAtMs !== undefined && moments.isAhead(untilAtMs);
        this.#item(ahead ? `${text} Until ${moments.full(untilAtMs)}.` : text);
      }
    }
    this.#heading("What happens next");
    this.#sentence(next);
    if (actions.length === 0) return;
    this.#heading("What you can do");
    for (const action of actions) {
      if (COMMAND.test(action)) this.text += `  ${paint.accent(action)}\n`;
      else this.#item(action);
    }
  }

  #title(name: string, state: string): void {
    this.text += `${this.#o.paint.bold(name)} ${this.#state(state)}\n`;
  }

  #state(state: string): string {
    const { paint } = this.#o;
    if (state === "dead") return paint.bad(state);
    return ["accepted", "delivered", "read", "done"].includes(state) ? paint.good(state) : paint.warn(state);
  }

  #heading(text: string): void {
    this.text += `\n${this.#o.paint.bold(text)}\n`;
  }

  #sentence(text: string): void {
    this.text += `${wrap(`  ${text}`, this.#o.columns, "  ").join("\n")}\n`;
  }

  #item(text: string): void {
    this.text += `${wrap(`  • ${text}`, this.#o.columns, "    ").join("\n")}\n`;
  }

  #pair(name: string, value: string): void {
    this.text += labelled(`  ${this.#o.paint.dim(pad(name, NAMES))}`, value, this.#o.columns);
  }

  #line(when: string, text: string): void {
    this.text += labelled(`  ${this.#o.paint.dim(when)}`, text, this.#o.columns);
  }

  /** As it is, but for characters that would steer the terminal. */
  #quote(text: string): void {
    // deno-lint-ignore no-control-regex
    const clean = text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, " ");
    this.#heading("Text");
    for (const line of clean.split("\n")) this.text += `  │ ${line}\n`;
  }
}
