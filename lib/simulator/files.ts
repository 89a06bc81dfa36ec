/**
 * The file functions of the folder world. All of them are synchronous: what they wrote is in the kernel's hands when
 * they return, so a killed process leaves it behind.
 *
 * @module
 */

/** How much of the end of a file {@link Appender.tail} reads. */
const TAIL_BYTES = 65_536;

/** Appends lines; those of one turn go in one write. The file is opened at the first one. */
export class Appender {
  readonly #path: string;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile | undefined;
  #waiting: string[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  line(text: string): void {
    this.#waiting.push(text);
  }

  /** Makes the file. */
  touch(): void {
    this.#file ??= Deno.openSync(this.#path, { create: true, append: true });
  }

  /** @returns whether anything was written */
  flush(): boolean {
    if (this.#waiting.length === 0) return false;
    this.touch();
    const bytes = this.#encoder.encode(this.#waiting.join("\n") + "\n");
    this.#waiting = [];
    for (let done = 0; done < bytes.length;) done += this.#file!.writeSync(bytes.subarray(done));
    return true;
  }

  /** The last whole lines that are in the file already. */
  tail(): readonly string[] {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    try {
      const from = Math.max(0, file.statSync().size - TAIL_BYTES);
      file.seekSync(from, Deno.SeekMode.Start);
      const bytes = new Uint8Array(TAIL_BYTES);
      const lines = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0)).split("\n");
      // What follows the last line end is empty or was cut by a kill, and so may be the first line of the piece be.
      return lines.slice(from === 0 ? 0 : 1, -1);
    } finally {
      file.close();
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** The content, or undefined when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Changes whenever the file does; empty when there is none. */
export function stamp(path: string): string {
  try {
    const { ino, size, mtime } = Deno.statSync(path);
    return `${ino}/${size}/${mtime?.getTime()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Whole or not at all, for whoever reads it at the same time. */
export function replaceFile(path: string, content: string): void {
  const next = `${path}.${Deno.pid}.next`;
  Deno.writeTextFileSync(next, content);
  Deno.renameSync(next, path);
}
