/**
 * How the demo looks: numbered scenes, what happened, and what appeared on whose phone. Reads well at 80 columns, on
 * light and dark backgrounds and without colour; no line depends on how wide a terminal draws an emoji.
 *
 * @module
 */
import type { Painter } from "../screen/paint.ts";
import { formatSpan } from "../screen/when.ts";
import { widthOf, wrap } from "../screen/width.ts";
import { GROUP } from "./cast.ts";
import type { Delivery } from "./feed.ts";

const INDENT = "   ";

export class Stage {
  #scene = 0;
  constructor(
    private readonly write: (text: string) => void,
    private readonly paint: Painter,
    private readonly columns: number,
  ) {}

  title(text: string, below: string): void {
    this.#line();
    this.#line(this.paint.bold(text));
    for (const line of wrap(below, this.columns)) this.#line(this.paint.dim(line));
  }

  /** A new scene. */
  scene(title: string): void {
    this.#scene++;
    this.#line();
    this.#line(`${this.paint.accent(this.paint.bold(String(this.#scene).padStart(2)))} ${this.paint.bold(title)}`);
  }

  /** One sentence of the story. */
  tell(text: string): void {
    for (const line of wrap(text, this.columns - INDENT.length)) this.#line(INDENT + line);
  }

  /** Something that was typed, stored or written: shown as it is. */
  show(label: string, text: string): void {
    this.#line(`${INDENT}${this.paint.accent(label)} ${text}`);
  }

  /** What somebody wrote to the service. */
  said(who: string, text: string): void {
    this.#line(`${INDENT}${who} writes ${this.paint.bold(`“${text}”`)}`);
  }

  /** A message on a phone. @param sinceMs when it was caused, for "after 0.3 s" */
  received(delivery: Delivery, sinceMs?: number): void {
    const { icon, name } = delivery.person ?? GROUP;
    const after = sinceMs === undefined ? "" : this.paint.dim(`  after ${formatSpan(delivery.atMs - sinceMs)}`);
    this.#line(`${INDENT}${icon} ${this.paint.good(this.paint.bold(name))}${after}`);
    const bar = this.paint.good("│");
    for (const line of wrap(delivery.text, this.columns - INDENT.length - 2)) this.#line(`${INDENT}${bar} ${line}`);
  }

  good(text: string): void {
    this.#mark(this.paint.good("✓"), text);
  }

  trouble(text: string): void {
    this.#mark(this.paint.warn("!"), text);
  }

  bad(text: string): void {
    this.#mark(this.paint.bad("✗"), text);
  }

  /** A line without indent and number: for the end. */
  plain(text = ""): void {
    this.#line(text);
  }

  heading(text: string): void {
    this.#line();
    this.#line(this.paint.bold(text));
  }

  #mark(mark: string, text: string): void {
    const [first = "", ...rest] = wrap(text, this.columns - INDENT.length - widthOf(mark) - 1);
    this.#line(`${INDENT}${mark} ${first}`);
    for (const line of rest) this.#line(`${INDENT}  ${line}`);
  }

  #line(text = ""): void {
    this.write(`${text}\n`);
  }
}
