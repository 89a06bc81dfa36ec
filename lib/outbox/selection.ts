/**
 * Chooses what to mark next: due rows of lanes in turn, as many as pacing allows. The rows that will follow can be searched for
 * while the present ones are handed over: {@link Selection.searchAhead}.
 *
 * @module
 */
import type { AccountId, Address } from "../domain/address.ts";
import type { OutboxRow, Store } from "../store/port.ts";
import { CONTACTS_MATTER_MS, type Pacing } from "./pacing.ts";
import type { Window } from "./window.ts";

export interface SelectionOptions {
  readonly store: Pick<Store, "outbox">;
  readonly account: AccountId;
  readonly pacing: Pacing;
  /** Recipients that are never paced: the owner's group and the admin. */
  readonly exempt: (recipient: Address) => boolean;
  /** At most so many rows of one lane in hand (`LANE_WINDOW`). */
  readonly laneWindow: number;
}

/** What a search ahead came to. */
type Ahead = { readonly rows: readonly OutboxRow[] } | { readonly error: unknown };

export class Selection {
  #mayHaveMore = true;
  #afterLane: string | undefined;
  /** Lanes of exempt recipients: pacing does not look at them. */
  readonly #exemptLanes = new Set<string>();
  /** Lanes of people who were never written to and have to wait for their turn. */
  readonly #newcomers = new Set<string>();
  /** Lanes whose very first message is on its way. */
  readonly #firsts = new Set<string>();
  /** How long until a lane that was cut short may go on, milliseconds. */
  #pacedForMs = Infinity;
  /** The search for what follows when the window is empty: never rejects. */
  #ahead: Promise<Ahead> | undefined;

  constructor(private readonly options: SelectionOptions) {}

  /** Something may be due. */
  look(): void {
    this.#mayHaveMore = true;
  }

  /** Whether another {@link choose} may find something. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore || this.#ahead !== undefined;
  }

  /** How long until pacing lets a lane go on that had more to send, milliseconds; Infinity when none has. */
  get pacedForMs(): number {
    return this.#pacedForMs;
  }

  /**
   * Due rows, at most `free`: those that were found ahead, or else those that a search finds now.
   * @param blocked lanes that wait for the fate of a message
   * @throws {StoreUnavailable}
   */
  async choose(
    window: Window,
    free: number,
    nowMs: number,
    blocked: ReadonlySet<string>,
  ): Promise<readonly OutboxRow[]> {
    const ahead = await this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined && "error" in ahead) throw ahead.error;
    const { running, skip } = window.room(this.options.laneWindow);
    if (ahead !== undefined && ahead.rows.length > 0) {
      const rows = this.#fitting(ahead.rows, free, running, (lane) => skip.has(lane) || blocked.has(lane));
      if (rows.length < ahead.rows.length) this.look();
      if (rows.length > 0) return rows;
    }
    return this.#mayHaveMore ? await this.#search(window, free, nowMs, blocked, { running, skip }) : [];
  }

  /**
   * Begins the search for the rows that follow when everything in the window is gone; {@link choose} takes them. Whatever
   * puts a row back into a lane has to call {@link forgetAhead}, or be followed by a {@link choose} before the database knows of it:
   * what was found stands behind that row.
   */
  searchAhead(window: Window, limit: number, nowMs: number, blocked: ReadonlySet<string>): void {
    if (this.#ahead !== undefined || !this.#mayHaveMore) return;
    this.#ahead = this.#search(window, limit, nowMs, blocked, { running: new Map(), skip: window.stopped() })
      .then((rows) => ({ rows }), (error: unknown) => ({ error }));
  }

  /** What was found ahead does not count any more; the next {@link choose} searches anew. Resolves when the search has ended. */
  async forgetAhead(): Promise<void> {
    if (this.#ahead === undefined) return;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    // A failed look lost nothing, and the next statement meets the same trouble.
    await ahead;
    this.look();
  }

  /** Of rows found ahead those for which there is room now, each lane from its head on. */
  #fitting(
    rows: readonly OutboxRow[],
    free: number,
    running: ReadonlyMap<string, number>,
    isShut: (lane: string) => boolean,
  ): readonly OutboxRow[] {
    const room = new Map(running);
    const fitting: OutboxRow[] = [];
    for (const row of rows) {
      const left = isShut(row.lane) ? 0 : room.get(row.lane) ?? this.options.laneWindow;
      if (left <= 0 || fitting.length >= free) continue;
      room.set(row.lane, left - 1);
      fitting.push(row);
    }
    return fitting;
  }

  async #search(
    window: Window,
    limit: number,
    nowMs: number,
    blocked: ReadonlySet<string>,
    room: { readonly running: ReadonlyMap<string, number>; readonly skip: ReadonlySet<string> },
  ): Promise<readonly OutboxRow[]> {
    this.#mayHaveMore = false;
    try {
      return await this.#found(window, limit, nowMs, blocked, room);
    } catch (error) {
      // Nobody rings again for what it would have found.
      this.look();
      throw error;
    }
  }

  async #found(
    window: Window,
    limit: number,
    nowMs: number,
    blocked: ReadonlySet<string>,
    { running, skip }: { readonly running: ReadonlyMap<string, number>; readonly skip: ReadonlySet<string> },
  ): Promise<readonly OutboxRow[]> {
    const { store, account, pacing, laneWindow } = this.options;
    const paced = this.#pacedLanes((lane) => window.holds(lane));
    this.#pacedForMs = Math.min(
      this.#newcomers.size > 0 ? Math.max(1, pacing.newContactWaitMs()) : Infinity,
      ...paced.map((lane) => pacing.waitMs(lane) || Infinity),
    );
    const found = await store.outbox.candidates(account, {
      afterLane: this.#afterLane,
      limit,
      perLane: laneWindow,
      nowMs,
      blocked,
      running,
      skip: paced.length === 0 ? skip : new Set([...skip, ...paced]),
      // Where lanes have to take turns, the owner's group does not wait for a thousand others.
      ...(this.#afterLane === undefined ? {} : { first: this.#exemptLanes }),
    });
    // A full round without a row means that nothing is due; anything else may have left something behind.
    // And a bell that rang during the search is not forgotten.
    this.#mayHaveMore ||= found.rows.length > 0 || found.nextLane !== undefined || this.#afterLane !== undefined;
    this.#afterLane = found.nextLane;
    return await this.#paced(found.rows, nowMs);
  }

  /** Lanes that may get nothing now. */
  #pacedLanes(inHand: (lane: string) => boolean): readonly string[] {
    const { pacing } = this.options;
    if (pacing.newContactAllowance() >= 1) this.#newcomers.clear();
    for (const lane of this.#firsts) if (!inHand(lane)) this.#firsts.delete(lane);
    const exhausted = [...pacing.exhausted()].filter((lane) => !this.#exemptLanes.has(lane));
    return [...exhausted, ...this.#newcomers, ...this.#firsts];
  }

  async #paced(rows: readonly OutboxRow[], nowMs: number): Promise<readonly OutboxRow[]> {
    const { pacing, exempt } = this.options;
    for (const row of rows) if (exempt(row.recipient)) this.#exemptLanes.add(row.lane);
    const isNew = await this.#newLanes(rows, nowMs);
    let newContacts = pacing.newContactAllowance();
    const allowed = new Map<string, number>();
    const chosen: OutboxRow[] = [];
    for (const row of rows) {
      const { lane } = row;
      if (this.#exemptLanes.has(lane)) {
        chosen.push(row);
        continue;
      }
      let left = allowed.get(lane) ?? pacing.allowance(lane);
      // Until the first message was accepted, a stranger gets one at a time.
      if (isNew.has(lane) && !allowed.has(lane)) {
        left = newContacts >= 1 ? Math.min(left, 1) : 0;
        if (newContacts >= 1) this.#firsts.add(lane);
        else this.#newcomers.add(lane);
        newContacts--;
      }
      allowed.set(lane, Math.max(0, left - 1));
      if (left >= 1) chosen.push(row);
    }
    if (this.#newcomers.size > 0) this.#pacedForMs = Math.min(this.#pacedForMs, Math.max(1, pacing.newContactWaitMs()));
    return chosen;
  }

  async #newLanes(rows: readonly OutboxRow[], nowMs: number): Promise<ReadonlySet<string>> {
    const { pacing, store, account } = this.options;
    if (!pacing.limitsNewContacts) return new Set();
    const lanes = [...new Set(rows.filter((row) => !this.#exemptLanes.has(row.lane)).map((row) => row.lane))];
    if (lanes.length === 0) return new Set();
    if (!pacing.knowsContacts) {
      const metAtMs = await store.outbox.metSince(account, nowMs - CONTACTS_MATTER_MS);
      pacing.rememberContacts(metAtMs.map((atMs) => nowMs - atMs));
    }
    const known = await store.outbox.knownLanes(account, lanes);
    for (const lane of known) pacing.metNewContact(lane);
    const strangers = lanes.filter((lane) => !known.has(lane));
    // Whoever is still a stranger and about to be written to again was not reached by the try before.
    for (const lane of strangers) pacing.refundNewContact(lane);
    return new Set(strangers);
  }

  /** These rows are being marked: their tokens are spent. */
  marked(rows: readonly OutboxRow[]): void {
    const { pacing } = this.options;
    for (const { lane } of rows) {
      if (this.#exemptLanes.has(lane)) continue;
      pacing.spend(lane);
      if (this.#firsts.has(lane)) pacing.spendNewContact(lane);
    }
  }

  /** A marked row was given back without being handed over. */
  givenBack({ lane }: { readonly lane: string }): void {
    const { pacing } = this.options;
    if (this.#exemptLanes.has(lane)) return;
    pacing.refund(lane);
    if (this.#firsts.delete(lane)) pacing.refundNewContact(lane);
  }
}
