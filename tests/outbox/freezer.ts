/**
 * Freezes one instance of the service inside the test's process, as SIGSTOP would freeze a process of its own: time
 * passes, its child and the database go on, and whatever they answer reaches it only when it is thawed.
 *
 * Everything that can set the instance going has to pass here: its clock, its child's streams, its database (see
 * `MortalStore.untilThawed`).
 *
 * @module
 */
import type { SignalCliProcess } from "../../lib/channels/signal/process.ts";
import type { Clock } from "../../lib/runtime/clock.ts";

export class Freezer {
  #thawed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  get frozen(): boolean {
    return this.#thawed !== undefined;
  }

  freeze(): void {
    this.#thawed ??= Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#thawed?.resolve();
    this.#thawed = undefined;
  }

  /** Undefined while it is not frozen. */
  thawed(): Promise<void> | undefined {
    return this.#thawed?.promise;
  }

  /** A clock that goes on, and wakes nobody meanwhile. */
  clock(real: Clock): Clock {
    return {
      nowMs: () => real.nowMs(),
      monotonicMs: () => real.monotonicMs(),
      sleepMs: async (ms, signal) => {
        await real.sleepMs(ms, signal);
        await this.thawed();
      },
    };
  }

  /** A child whose words wait in the pipe. What was written to it before was written. */
  child(child: SignalCliProcess): SignalCliProcess {
    const waiting = () =>
      new TransformStream<Uint8Array, Uint8Array>({
        transform: async (chunk, controller) => {
          await this.thawed();
          controller.enqueue(chunk);
        },
      });
    return {
      stdin: child.stdin,
      stdout: child.stdout.pipeThrough(waiting()),
      stderr: child.stderr.pipeThrough(waiting()),
      status: child.status.then(async (status) => {
        await this.thawed();
        return status;
      }),
      kill: (signal) => child.kill(signal),
    };
  }
}
