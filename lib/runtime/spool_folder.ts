/**
 * What lies in a spool's folder: `000000000001.spool` and so on, `cursor`, `lock`, and `.bad` files.
 *
 * @module
 */
import { join } from "node:path";

const NUMBER_DIGITS = 12;
const SEGMENT_NAME = /^([0-9]{12})\.spool$/;

/** How far the oldest segment was handled. */
export interface Cursor {
  readonly segment: number;
  /** Bytes of it that were handled. */
  readonly offset: number;
}

export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(NUMBER_DIGITS, "0")}.spool`);
}

export function cursorPath(folder: string): string {
  return join(folder, "cursor");
}

/** Sizes by number, in ascending order. */
export async function findSegments(folder: string): Promise<Map<number, number>> {
  const numbers: number[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const match = SEGMENT_NAME.exec(entry.name);
    if (match !== null && entry.isFile) numbers.push(Number(match[1]));
  }
  const segments = new Map<number, number>();
  for (const number of numbers.sort((a, b) => a - b)) {
    segments.set(number, (await Deno.stat(segmentPath(folder, number))).size);
  }
  return segments;
}

/** An absent or damaged cursor only means that records are handed over again. */
export async function readCursor(folder: string): Promise<Cursor | undefined> {
  try {
    const cursor: unknown = JSON.parse(await Deno.readTextFile(cursorPath(folder)));
    if (typeof cursor !== "object" || cursor === null) return undefined;
    const { segment, offset } = cursor as Record<string, unknown>;
    return Number.isSafeInteger(segment) && Number.isSafeInteger(offset) ? cursor as Cursor : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
