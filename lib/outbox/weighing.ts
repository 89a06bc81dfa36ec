/**
 * What becomes of messages in doubt: evidence is weighed first, then the policy decides. Everything happens within a tick, where
 * nothing else is settled: so what the database says of a receipt cannot become untrue before it is acted upon.
 *
 * @module
 */
import type { AccountId } from "../domain/address.ts";
import type { Counters } from "../runtime/counters.ts";
import type { Store } from "../store/port.ts";
import { type Evidence, fits, type IsMember } from "./evidence.ts";
import type { Flights } from "./flights.ts";
import type { Move } from "./moves.ts";
import type { Unknowns } from "./unknowns.ts";

export interface WeighingOptions {
  readonly store: Pick<Store, "outbox">;
  readonly account: AccountId;
  readonly unknowns: Unknowns;
  readonly flights: Flights;
  readonly isMember: IsMember;
  readonly counters: Counters;
}

export class Weighing {
  #heard: Evidence[] = [];
  constructor(private readonly options: WeighingOptions) {}

  /** Whether evidence waits to be weighed. */
  get isDue(): boolean {
    return this.#heard.length > 0;
  }

  /**
   * Takes in receipts that belonged to no finished message when the database was asked. They are told again as long as that is so, so none is
   * kept for longer than until the next tick. @returns whether there is anything that they could prove
   */
  hear(evidence: readonly Evidence[]): boolean {
    if (this.options.unknowns.size === 0) return false;
    this.#heard.push(...evidence);
    return true;
  }

  /**
   * Decides what can be decided now.
   * @param moves what the database does not know yet; decisions are added to it
   * @throws {StoreUnavailable} what was added by then stands
   */
  async decide(moves: Move[]): Promise<void> {
    const { store, account, unknowns, counters } = this.options;
    const add = (decided: readonly Move[]) => {
      const proven = decided.filter((move) => move.to === "accepted").length;
      if (proven > 0) counters.add("messages_proven_total", proven);
      const resent = decided.filter((move) => move.to === "resend" && move.silent).length;
      if (resent > 0) counters.add("messages_resent_total", resent);
      moves.push(...decided);
    };
    add(await unknowns.transcribed(account, store));
    add(await this.#provenByReceipts(moves));
    add(await unknowns.due((id) => this.#standing(id)));
  }

  clear(): void {
    this.#heard = [];
  }

  /**
   * Messages that receipts prove to have arrived. Whom each belongs to is asked once more: since it was looked up, a tick may have
   * settled that very message, and then it would seem to prove the one behind it.
   */
  async #provenByReceipts(moves: readonly Move[]): Promise<readonly Move[]> {
    const { store, account, unknowns } = this.options;
    const heard = this.#heard;
    this.#heard = [];
    if (heard.length === 0 || unknowns.size === 0) return [];
    const remoteIds = [...new Set(heard.map(({ remoteId }) => remoteId))];
    const recorded = await store.outbox.recordedRemoteIds(account, remoteIds);
    return unknowns.proven(
      heard.filter((piece) => !recorded.has(piece.remoteId) && !this.#mayBelongToAnother(piece, moves)),
    );
  }

  /** Whether it may speak of a message whose outcome the database does not know yet. Then it proves nothing now. */
  #mayBelongToAnother(piece: Evidence, moves: readonly Move[]): boolean {
    const { flights, isMember } = this.options;
    if (flights.mayConcern(piece)) return true;
    for (const move of moves) {
      if (!("attempt" in move) || move.attempt === undefined) continue;
      const { remoteId, handedOverAtMs, endedAtMs } = move.attempt;
      if (remoteId === piece.remoteId) return true;
      if (move.to === "unknown" && fits(piece, move.row.recipient, handedOverAtMs, endedAtMs, isMember)) return true;
    }
    return false;
  }

  async #standing(id: number): ReturnType<Parameters<Unknowns["due"]>[0]> {
    const { outbox } = this.options.store;
    const story = await outbox.find(id);
    // A replayed message begins anew, though its timeline goes on.
    const sinceMs = story === undefined || story.replays === 0 ? 0 : story.createdAtMs;
    const silences = story?.timeline.filter(({ outcome, endedAtMs }) => outcome === "unknown" && endedAtMs > sinceMs);
    return {
      silences: silences?.length ?? 0,
      expiresAtMs: story?.expiresAtMs,
      isEmpty: await outbox.body(id) === "",
    };
  }
}
