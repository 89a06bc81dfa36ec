/**
 * The window: rows that are marked `sending` and are held here until they are handed over and settled. Within a
 * lane one at a time and in order; between lanes in turn.
 *
 * @module
 */
import type { OutboxRow } from "../store/port.ts";

interface Lane {
  /** Marked, not yet handed over, in order. */
  readonly waiting: OutboxRow[];
  inFlight: OutboxRow | undefined;
  /** An outcome came that stops the lane until the database knows of it. */
  stopped: boolean;
  /** Ids that left the lane, answered or taken back, and of which the database does not know yet. */
  readonly unsettled: Set<number>;
}

export class Window {
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with something to hand over and nothing in flight, in turn. */
  readonly #ready: string[] = [];
  /**
   * Those of them with more than one row waiting. They go first: a lane hands over one at a time, so the window is empty when its
   * longest lane is.
   */
  readonly #readyLong: string[] = [];
  #size = 0;
  #inFlight = 0;
  #waiting = 0;

  /** Rows held here in whatever stage: at most SEND_WINDOW. */
  get size(): number {
    return this.#size;
  }
  /** Rows that are marked and not handed over yet. */
  get waiting(): number {
    return this.#waiting;
  }
  /** Whether {@link take} would give a row. */
  get hasReady(): boolean {
    return this.#ready.length + this.#readyLong.length > 0;
  }
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether the row is held here in whatever stage. */
  has(row: { readonly id: number; readonly lane: string }): boolean {
    const lane = this.#lanes.get(row.lane);
    return lane !== undefined &&
      (lane.inFlight?.id === row.id || lane.unsettled.has(row.id) || lane.waiting.some(({ id }) => id === row.id));
  }

  /** Whether rows of the lane are held here in whatever stage. */
  holds(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  /** The lanes for which {@link isStopped} holds. */
  stopped(): ReadonlySet<string> {
    return new Set([...this.#lanes].flatMap(([name, { stopped }]) => stopped ? [name] : []));
  }

  /** Whether an outcome stopped the lane, and the database does not know of it yet. */
  isStopped(lane: string): boolean {
    return this.#lanes.get(lane)?.stopped ?? false;
  }

  /**
   * Adds marked rows, in their order.
   * @returns those whose lane was stopped while they were being marked: what stands before them goes first, so they
   *   have to be given back
   */
  add(rows: readonly OutboxRow[]): readonly OutboxRow[] {
    const back: OutboxRow[] = [];
    const idle = new Set([...this.#ready, ...this.#readyLong]);
    for (const row of rows) {
      let lane = this.#lanes.get(row.lane);
      if (lane === undefined) {
        lane = { waiting: [], inFlight: undefined, stopped: false, unsettled: new Set() };
        this.#lanes.set(row.lane, lane);
      }
      this.#size++;
      if (lane.stopped) {
        lane.unsettled.add(row.id);
        back.push(row);
        continue;
      }
      lane.waiting.push(row);
      this.#waiting++;
    }
    for (const name of new Set(rows.map((row) => row.lane))) {
      const lane = this.#lanes.get(name)!;
      if (lane.waiting.length > 0 && lane.inFlight === undefined && !idle.has(name)) this.#isReady(name, lane);
    }
    return back;
  }

  /** The next row to hand over, which is then in flight; undefined when every lane is empty or has one in flight. */
  take(): OutboxRow | undefined {
    const name = this.#readyLong.shift() ?? this.#ready.shift();
    if (name === undefined) return undefined;
    const lane = this.#lanes.get(name)!;
    const row = lane.waiting.shift()!;
    this.#waiting--;
    lane.inFlight = row;
    this.#inFlight++;
    return row;
  }

  /**
   * The row in flight was answered. It stays counted until {@link settled}.
   * @param goesOn whether the next row of the lane may follow; otherwise the rest of the lane is returned: it leaves
   *   the window and has to be given back
   */
  answered(row: OutboxRow, goesOn: boolean): readonly OutboxRow[] {
    const lane = this.#lanes.get(row.lane)!;
    lane.inFlight = undefined;
    lane.unsettled.add(row.id);
    this.#inFlight--;
    if (goesOn && !lane.stopped) {
      if (lane.waiting.length > 0) this.#isReady(row.lane, lane);
      return [];
    }
    lane.stopped = true;
    const rest = lane.waiting.splice(0);
    this.#waiting -= rest.length;
    for (const { id } of rest) lane.unsettled.add(id);
    return rest;
  }

  /** Takes everything out that was not handed over, to be given back; what is in flight stays. */
  takeBack(): readonly OutboxRow[] {
    const rows: OutboxRow[] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.length === 0) continue;
      // Until the database knows of them, what stands behind them in the lane must not be taken up before them.
      lane.stopped = true;
      const waiting = lane.waiting.splice(0);
      for (const { id } of waiting) lane.unsettled.add(id);
      rows.push(...waiting);
    }
    this.#ready.length = 0;
    this.#readyLong.length = 0;
    this.#waiting = 0;
    return rows;
  }

  /** The database knows what became of a row that left through {@link answered} or {@link takeBack}. */
  settled(row: { readonly id: number; readonly lane: string }): void {
    const lane = this.#lanes.get(row.lane);
    if (lane === undefined || !lane.unsettled.delete(row.id)) return;
    this.#size--;
    if (lane.unsettled.size === 0 && lane.inFlight === undefined && lane.waiting.length === 0) {
      this.#lanes.delete(row.lane);
    }
  }

  #isReady(name: string, { waiting }: Lane): void {
    (waiting.length > 1 ? this.#readyLong : this.#ready).push(name);
  }

  /** How many more rows each lane with rows here may take. */
  room(perLane: number): { readonly running: ReadonlyMap<string, number>; readonly skip: ReadonlySet<string> } {
    const running = new Map<string, number>();
    const skip = new Set<string>();
    for (const [name, lane] of this.#lanes) {
      const free = perLane - lane.waiting.length - (lane.inFlight === undefined ? 0 : 1);
      if (lane.stopped || free <= 0) skip.add(name);
      else running.set(name, free);
    }
    return { running, skip };
  }

  /** Forgets everything: the lease is lost, and with it every claim on these rows. */
  clear(): void {
    this.#lanes.clear();
    this.#ready.length = 0;
    this.#readyLong.length = 0;
    this.#size = 0;
    this.#inFlight = 0;
    this.#waiting = 0;
  }
}
