/**
 * Chooses what to mark next: due rows of lanes in turn, as many as pacing allows.
 *
 * @module
 */
import type { AccountId, Address } from "../domain/address.ts";
import type { OutboxRow, Store } from "../store/port.ts";
import type { Pacing } from "./pacing.ts";
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

  constructor(private readonly options: SelectionOptions) {}

  /** Something may be due. */
  look(): void {
    this.#mayHaveMore = true;
  }

  /** Whether another {@link choose} may find something. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore;
  }

  /** How long until pacing lets a lane go on that had more to send, milliseconds; Infinity when none has. */
  get pacedForMs(): number {
    return this.#pacedForMs;
  }

  /** Due rows, at most `free`. @param blocked lanes that wait for the fate of a message @throws {StoreUnavailable} */
  async choose(
    window: Window,
    free: number,
    nowMs: number,
    blocked: ReadonlySet<string>,
  ): Promise<readonly OutboxRow[]> {
    const { store, account, pacing, laneWindow } = this.options;
    this.#mayHaveMore = false;
    const { running, skip } = window.room(laneWindow);
    const paced = this.#pacedLanes((lane) => running.has(lane) || skip.has(lane));
    this.#pacedForMs = Math.min(
      this.#newcomers.size > 0 ? Math.max(1, pacing.newContactWaitMs()) : Infinity,
      ...paced.map((lane) => pacing.waitMs(lane) || Infinity),
    );
    const found = await store.outbox.candidates(account, {
      afterLane: this.#afterLane,
      limit: free,
      perLane: laneWindow,
      nowMs,
      blocked,
      running,
      skip: paced.length === 0 ? skip : new Set([...skip, ...paced]),
    });
    // A full round without a row means that nothing is due; anything else may have left something behind.
    // And a bell that rang during the search is not forgotten.
    this.#mayHaveMore ||= found.rows.length > 0 || found.nextLane !== undefined || this.#afterLane !== undefined;
    this.#afterLane = found.nextLane;
    return await this.#paced(found.rows);
  }

  /** Lanes that may get nothing now. */
  #pacedLanes(inHand: (lane: string) => boolean): readonly string[] {
    const { pacing } = this.options;
    if (pacing.newContactAllowance() >= 1) this.#newcomers.clear();
    for (const lane of this.#firsts) if (!inHand(lane)) this.#firsts.delete(lane);
    const exhausted = [...pacing.exhausted()].filter((lane) => !this.#exemptLanes.has(lane));
    return [...exhausted, ...this.#newcomers, ...this.#firsts];
  }

  async #paced(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const { pacing, exempt } = this.options;
    for (const row of rows) if (exempt(row.recipient)) this.#exemptLanes.add(row.lane);
    const isNew = await this.#newLanes(rows);
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

  async #newLanes(rows: readonly OutboxRow[]): Promise<ReadonlySet<string>> {
    const { pacing, store, account } = this.options;
    if (!pacing.limitsNewContacts) return new Set();
    const lanes = [...new Set(rows.filter((row) => !this.#exemptLanes.has(row.lane)).map((row) => row.lane))];
    if (lanes.length === 0) return new Set();
    const known = await store.outbox.knownLanes(account, lanes);
    return new Set(lanes.filter((lane) => !known.has(lane)));
  }

  /** These rows are being marked: their tokens are spent. */
  marked(rows: readonly OutboxRow[]): void {
    const { pacing } = this.options;
    for (const { lane } of rows) {
      if (this.#exemptLanes.has(lane)) continue;
      pacing.spend(lane);
      if (this.#firsts.has(lane)) pacing.spendNewContact();
    }
  }

  /** A marked row was given back without being handed over. */
  givenBack({ lane }: { readonly lane: string }): void {
    const { pacing } = this.options;
    if (this.#exemptLanes.has(lane)) return;
    pacing.refund(lane);
    if (this.#firsts.delete(lane)) pacing.refundNewContact();
  }
}
