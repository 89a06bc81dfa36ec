/**
 * The last good content of a live file, kept in the state folder so that it outlives a restart (design, P5).
 *
 * @module
 */
import { writeFileAtomically } from "./atomic_file.ts";

/** What the stored file looks like; another number is another form and is not read. */
const VERSION = 1;

export class LastGood {
  /**
   * @param store the file it is kept in
   * @param livePath the file it is the content of: what was stored for another path does not count
   */
  constructor(readonly store: string, readonly livePath: string) {}

  /** @returns the text, or `undefined` when there is none, it belongs to another path, or it was damaged */
  async read(): Promise<string | undefined> {
    let stored: unknown;
    try {
      stored = JSON.parse(await Deno.readTextFile(this.store));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
      throw error;
    }
    if (typeof stored !== "object" || stored === null) return undefined;
    const { version, pathHash, textHash, text } = stored as Record<string, unknown>;
    if (version !== VERSION || typeof text !== "string" || pathHash !== await sha256(this.livePath)) return undefined;
    return textHash === await sha256(text) ? text : undefined;
  }

  async write(text: string): Promise<void> {
    const [pathHash, textHash] = [await sha256(this.livePath), await sha256(text)];
    await writeFileAtomically(this.store, JSON.stringify({ version: VERSION, pathHash, textHash, text }) + "\n");
  }
}

/** Hexadecimal SHA-256 of bytes, or of a text in UTF-8. */
export async function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
