/**
 * Looking at a file that others write: what it is, whether it changed, what is in it.
 *
 * @module
 */
import type { FileProblem } from "./file_problem.ts";

/** Largest file that is read; those that people write have some kilobytes. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Ages at which a file counts as older. A write that follows another within one tick of the file system's clock, with as
 * many bytes, leaves everything that `stat` shows as it was (a tick is 1 to 10 ms on Linux, 1 s over some networks,
 * 2 s on FAT); so a file that was read young has to be read again when it is not young any more.
 */
const GROWN_UP_MS = [100, 2_500];

/**
 * A text that changes whenever the file may have: another target, inode, size or time, or one of {@link GROWN_UP_MS}
 * has passed since. `undefined` while there is none. One `stat` and one `realpath`; the content is not read.
 * @param nowMs wall clock
 */
export async function fileIdentity(path: string, nowMs: number): Promise<string | undefined> {
  try {
    const target = await Deno.realPath(path);
    const info = await Deno.stat(target);
    const [mtime, ctime] = [info.mtime?.getTime() ?? 0, info.ctime?.getTime() ?? 0];
    const age = GROWN_UP_MS.filter((ms) => nowMs - Math.max(mtime, ctime) >= ms).length;
    return [target, info.dev, info.ino, info.size, mtime, ctime, info.mode, age].join(" ");
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? undefined : (error as Error).name;
  }
}

export type ReadResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/**
 * The text of a file. Anything but a readable file in UTF-8 is a problem like one in its content.
 * @returns `undefined` when there is no file
 */
export async function readLive(path: string): Promise<ReadResult | undefined> {
  let bytes: Uint8Array;
  try {
    const info = await Deno.stat(path);
    // Opening a pipe would wait for its other end.
    if (!info.isFile) return refused({ reason: "is not a file" });
    if (info.size > MAX_FILE_BYTES) return refused({ reason: `is too large; accepted: up to ${MAX_FILE_BYTES} bytes` });
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof Error)) throw error;
    return refused({ reason: `cannot be read (${(error as { code?: string }).code ?? error.name})` });
  }
  try {
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return refused({ ...placeOfBadByte(bytes), reason: "is not UTF-8 text; save it as UTF-8" });
  }
}

function refused(problem: FileProblem): ReadResult {
  return { ok: false, problems: [problem] };
}

/** Line and column of the first byte that is no UTF-8: everything before it decodes without a replacement character. */
function placeOfBadByte(bytes: Uint8Array): { readonly line: number; readonly column: number } {
  const genuine = new TextEncoder().encode("\ufffd");
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let [line, column] = [1, 1];
  for (const character of text) {
    if (character === "\ufffd" && !genuine.every((byte, index) => bytes[offset + index] === byte)) break;
    offset += new TextEncoder().encode(character).length;
    [line, column] = character === "\n" ? [line + 1, 1] : [line, column + 1];
  }
  return { line, column };
}
