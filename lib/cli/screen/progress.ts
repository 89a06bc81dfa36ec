/**
 * A progress bar on standard error, drawn only for a person and only when the work takes long enough to wonder.
 *
 * @module
 */
import type { Clock } from "../../runtime/clock.ts";
import { painter } from "./paint.ts";
import type { Terminal } from "./terminal.ts";
import { truncate } from "./width.ts";

/** Shorter work shows nothing: a bar that flashes by only disturbs. */
const SHOWN_AFTER_MS = 300;
/** Smallest distance between two drawings. */
const REDRAW_MS = 80;
const BAR_COLUMNS = 24;

export interface Progress {
  /** @param label what is being worked on now */
  update(done: number, total: number, label: string): void;
  /** Removes the bar. */
  end(): void;
}

export function startProgress(terminal: Terminal, clock: Clock): Progress {
  const paint = painter(terminal.errInfo.colour);
  const startedMs = clock.monotonicMs();
  let drawnMs = -Infinity;
  let shown = false;
  return {
    update(done, total, label) {
      const nowMs = clock.monotonicMs();
      if (!terminal.errInfo.isTerminal || nowMs - startedMs < SHOWN_AFTER_MS || nowMs - drawnMs < REDRAW_MS) return;
      drawnMs = nowMs;
      shown = true;
      const part = total === 0 ? 1 : Math.min(1, done / total);
      const full = Math.round(part * BAR_COLUMNS);
      const bar = paint.good("█".repeat(full)) + paint.dim("░".repeat(BAR_COLUMNS - full));
      const figures = `${String(Math.round(part * 100)).padStart(3)} % `;
      const room = terminal.errInfo.columns - BAR_COLUMNS - figures.length - 3;
      terminal.err(`\r\u001b[2K${bar} ${figures} ${truncate(label, room)}`);
    },
    end() {
      if (shown) terminal.err("\r\u001b[2K");
      shown = false;
    },
  };
}
