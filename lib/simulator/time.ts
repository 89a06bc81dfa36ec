/** The time of a world: what the clock on its wall says, and how it waits. */
export interface WorldTime {
  /** Epoch milliseconds. */
  nowMs(): number;
  /** Waits. When the program ends first, it never resolves, and its timer is gone: a dead process does nothing later. */
  pause(ms: number, life: AbortSignal): Promise<void>;
}

export const REAL_TIME: WorldTime = {
  nowMs: () => Date.now(),
  pause: (ms, life) =>
    new Promise((resolve) => {
      if (life.aborted) return;
      const stop = () => clearTimeout(timer);
      const timer = setTimeout(() => {
        life.removeEventListener("abort", stop);
        resolve();
      }, ms);
      life.addEventListener("abort", stop, { once: true });
    }),
};
