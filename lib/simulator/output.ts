/**
 * Standard output: lines are never interleaved, everything that is ready leaves in one write, and nothing leaves
 * before `beforeWrite` ran (it makes the record of sent messages safe).
 */
export class Output {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #beforeWrite: () => void;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #batch = Promise.withResolvers<boolean>();
  #pump: Promise<void> | undefined;
  #broken = false;

  constructor(stream: WritableStream<Uint8Array>, beforeWrite: () => void = () => {}) {
    this.#writer = stream.getWriter();
    this.#writer.closed.catch(() => {});
    this.#beforeWrite = beforeWrite;
  }

  /** Queues a line. Resolves with true when the pipe has it, with false when it is lost. */
  line(text: string): Promise<boolean> {
    if (this.#broken) return Promise.resolve(false);
    this.#waiting.push(text);
    this.#pump ??= this.#run();
    return this.#batch.promise;
  }

  /** Resolves when all lines are written or the other side is gone. */
  async drained(): Promise<void> {
    await this.#pump;
  }

  /** Forgets what has not left: the process died, or nobody reads. */
  discard(): void {
    this.#waiting = [];
    this.#broken = true;
    this.#batch.resolve(false);
  }

  release(): void {
    this.#writer.releaseLock();
  }

  async #run(): Promise<void> {
    // One turn later, so that all answers of this turn go together.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        this.#beforeWrite();
        const [text, batch] = [this.#waiting.join("\n") + "\n", this.#batch];
        this.#waiting = [];
        this.#batch = Promise.withResolvers<boolean>();
        try {
          await this.#writer.write(this.#encoder.encode(text));
          batch.resolve(true);
        } catch {
          // Facts, §4.3: with a broken standard output the program goes on, and what it prints is lost.
          batch.resolve(false);
          this.discard();
        }
      }
    } finally {
      this.#pump = undefined;
    }
  }
}
