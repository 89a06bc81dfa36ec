/** Waits. When the program ends first, it never resolves, and its timer is gone: a dead process does nothing later. */
export function pause(ms: number, life: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (life.aborted) return;
    const stop = () => clearTimeout(timer);
    const timer = setTimeout(() => {
      life.removeEventListener("abort", stop);
      resolve();
    }, ms);
    life.addEventListener("abort", stop, { once: true });
  });
}
