/**
 * Waiting for something that announces itself nowhere: a state of the database.
 *
 * @module
 */
import { PATIENCE_MS } from "./recorder.ts";

/** Between two looks. */
const LOOK_MS = 1;

/** Resolves as soon as `holds` is true. Rejects at the deadline, naming `what`. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!await holds()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
