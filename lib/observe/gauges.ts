/**
 * Gauges that are looked up when somebody asks for the metrics, so that they cost nothing in between. None of them asks
 * the database: the backlog is what was counted last (`lib/app/vitals.ts`, every 20 seconds).
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";

export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
const BACKLOG_STATES = ["queued", "sending", "unknown", "dead"] as const;

export interface GaugeSources {
  readonly version: string;
  readonly clock: Clock;
  /** Undefined until it was counted once. */
  readonly backlog: () => Readonly<Record<typeof BACKLOG_STATES[number], number>> | undefined;
  /** Undefined when nothing is queued. */
  readonly oldestQueuedMs: () => number | undefined;
  /** One of {@link BREAKER_STATES}. */
  readonly breaker: () => string;
  readonly pausedMs: () => number;
  readonly spoolBytes: () => number;
  /** `up`: it was there when it was asked last; `silentMs`: 0 while it answers. */
  readonly database: () => { readonly up: boolean; readonly silentMs: number };
  /** By kind (`account`), never by name: that can hold our number. */
  readonly leases: () => Readonly<Record<string, boolean>>;
  /** Bytes. */
  readonly residentMemory?: () => number;
}

/** @returns what sets all of them; give it to `Metrics.onRender`. Uptime counts from this call. */
export function lookedUpGauges(counters: Counters, sources: GaugeSources): () => void {
  const { clock, version } = sources;
  const residentMemory = sources.residentMemory ?? (() => Deno.memoryUsage().rss);
  const startedAtMs = clock.monotonicMs();
  return () => {
    counters.set("build_info", 1, { version, deno: Deno.version.deno });
    counters.set("uptime_seconds", Math.floor((clock.monotonicMs() - startedAtMs) / 1000));
    counters.set("process_resident_memory_bytes", residentMemory());
    counters.set("spool_bytes", sources.spoolBytes());
    const { up, silentMs } = sources.database();
    counters.set("database_up", up ? 1 : 0);
    counters.set("database_silence_seconds", Math.floor(silentMs / 1000));
    const backlog = sources.backlog();
    if (backlog !== undefined) {
      for (const state of BACKLOG_STATES) counters.set("outbox_messages", backlog[state], { state });
      counters.set("outbox_oldest_queued_seconds", Math.round((sources.oldestQueuedMs() ?? 0) / 1000));
    }
    const breaker = sources.breaker();
    for (const state of BREAKER_STATES) counters.set("breaker_state", state === breaker ? 1 : 0, { state });
    counters.set("account_pause_seconds", Math.round(sources.pausedMs() / 1000));
    for (const [lease, held] of Object.entries(sources.leases())) counters.set("lease_held", held ? 1 : 0, { lease });
  };
}
