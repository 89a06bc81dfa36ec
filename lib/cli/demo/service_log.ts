/**
 * The service's log in the demo: kept in a file, and listened to for the moment at which an edited file is in use, which
 * nobody outside could see otherwise.
 *
 * @module
 */
import type { LogStream } from "../../observe/log.ts";
import { within } from "../../runtime/clock.ts";

/** What the service logs when a templates file is in use. */
const LOADED = '"message":"The file was loaded"';

export class ServiceLog implements LogStream, Disposable {
  readonly isTerminal = false;
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();
  readonly #listeners = new Set<() => void>();
  #loads = 0;

  constructor(path: string) {
    this.#file = Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  }

  /** How often a file was taken into use so far. */
  get loads(): number {
    return this.#loads;
  }

  write(line: string): void {
    this.#file.writeSync(this.#encoder.encode(line));
    if (!line.includes(LOADED)) return;
    this.#loads++;
    for (const listener of [...this.#listeners]) listener();
  }

  /** @throws {DeadlineExceeded} when no further file was taken into use in time; the abort reason when `signal` aborts */
  async loadAfter(loads: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => this.#loads > loads && resolve();
    this.#listeners.add(look);
    look();
    try {
      await within(promise, timeoutMs, "the service takes an edited file into use", signal);
    } finally {
      this.#listeners.delete(look);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
