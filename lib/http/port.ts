/**
 * What HTTP asks of the rest of the service. `app.ts` hands over the real things; nothing here knows an outbox, a
 * database or a channel. A group of routes that comes later brings its own port with it.
 *
 * @module
 */
import type { HealthSnapshot } from "../observe/health.ts";

/** Whether the service can do its work just now. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, in words from closed sets (`database_unreachable`, `signal_starting`): shown to whoever may look. */
  readonly reasons: readonly string[];
}

/** All are cheap and without I/O: they read what is known already. */
export interface HttpPorts {
  /** How every part is. */
  health(): HealthSnapshot;
  /** Whether the main loop moved lately: false means that only a restart helps. */
  alive(): boolean;
  ready(): Readiness;
  /** Everything measured, in the text format of Prometheus. */
  metrics(): string;
  /** Looks for due orders and messages now. Rings a bell: many calls are one look. */
  wake(): void;
}
