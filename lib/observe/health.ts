/**
 * How the service is, as one value: every part says its own condition, the worst one that matters decides.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";
import type { Condition } from "../runtime/service.ts";

/** A fact about a part for people and programs: counts, codes, instants. Nothing private. */
export type HealthDetails = Readonly<Record<string, string | number | boolean>>;

export interface PartHealth {
  readonly state: Condition["state"];
  readonly reason?: string;
  readonly details?: HealthDetails;
}

/** The body of `GET /health` (names: the operations guide's `status`, `timestamp`, `version`) and of `status.json`. */
export interface HealthSnapshot {
  /** `unhealthy`: a part is down; `degraded`: a part is degraded, or an optional part is down. */
  readonly status: "healthy" | "degraded" | "unhealthy";
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly version: string;
  readonly parts: Readonly<Record<string, PartHealth>>;
}

export type ReadPart = () => Condition & { readonly details?: HealthDetails };

export class Health {
  readonly #parts = new Map<string, { read: ReadPart; optional: boolean }>();
  constructor(private readonly options: { readonly clock: Clock; readonly version: string }) {}

  /**
   * @param name lower case, unique
   * @param read cheap and without I/O; a throw shows as `down`, reason `bug`
   * @param how `optional`: the service does its work without it, so `down` only degrades the whole
   * @returns a function that takes the part out again
   * @throws {TypeError} for a name that is taken
   */
  register(name: string, read: ReadPart, how: { readonly optional?: boolean } = {}): () => void {
    if (this.#parts.has(name)) throw new TypeError(`health part "${name}" is registered already`);
    const part = { read, optional: how.optional ?? false };
    this.#parts.set(name, part);
    return () => {
      if (this.#parts.get(name) === part) this.#parts.delete(name);
    };
  }

  snapshot(): HealthSnapshot {
    let status: HealthSnapshot["status"] = "healthy";
    const parts: Record<string, PartHealth> = {};
    for (const [name, { read, optional }] of this.#parts) {
      const part = readSafely(read);
      parts[name] = part;
      if (part.state === "down" && !optional) status = "unhealthy";
      else if (part.state !== "live" && status === "healthy") status = "degraded";
    }
    return {
      status,
      timestamp: new Date(this.options.clock.nowMs()).toISOString(),
      version: this.options.version,
      parts,
    };
  }
}

function readSafely(read: ReadPart): PartHealth {
  try {
    const part = read();
    return {
      state: part.state,
      ...(part.state === "live" ? {} : { reason: part.reason }),
      ...(part.details === undefined ? {} : { details: part.details }),
    };
  } catch {
    // The health page must answer when a part is broken: that is when it is read.
    return { state: "down", reason: "bug" };
  }
}
