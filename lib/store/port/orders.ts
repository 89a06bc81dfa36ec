/**
 * The shop's orders, and what is owed for each. A part of the port: see `../port.ts`.
 *
 * @module
 */

/** The largest id that a JavaScript number counts exactly; a BIGINT column can hold more. */
export const LARGEST_ORDER_ID = Number.MAX_SAFE_INTEGER;

/** What is known of an order's notification. */
export interface OrderStanding {
  readonly orderId: number;
  /** `orders.notified`; undefined for NULL, which is never due. */
  readonly notified: boolean | undefined;
  /** Undefined while nothing was opened for it, or after its row was cleared. */
  readonly delivery: {
    readonly generation: number;
    readonly state: "open" | "held" | "done" | "dead";
    readonly remaining: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly dead: number;
    readonly createdAtMs: number;
    readonly changedAtMs: number;
  } | undefined;
}

/** An order that owes messages. Values as they are in the row, decoded one by one: a bad one is named, not thrown. */
export interface DueOrder {
  readonly id: number;
  readonly client: string | undefined;
  /** As DECIMAL text (`"12.50"`), or `undefined` for NULL. */
  readonly total: string | undefined;
  readonly ipAddress: string | undefined;
  readonly affiliateToken: string | undefined;
  /** `undefined` for NULL. DATETIME columns are read in `ORDERS_TIMEZONE`, TIMESTAMP ones are instants. */
  readonly createdAtMs: number | undefined;
  /** The generation that this notification will be: 1, or one more after a re-arming. */
  readonly generation: number;
  /** Columns that could not be read, with what was wrong: `total: not a number`. Their value above is `undefined`. */
  readonly problems: readonly string[];
}

export interface OrdersStore {
  /**
   * Unnotified orders without an own row in `order_deliveries`, and re-armed ones, oldest first by id; never `id > last`
   * (design §4), so dead or held ones hide no new one.
   */
  due(limit: number): Promise<readonly DueOrder[]>;
  /** The first unnotified order whose id is beyond {@link LARGEST_ORDER_ID}: it is never due. @returns its id as text */
  beyondReach(): Promise<string | undefined>;
  /** One order, whatever its flag: for previews. */
  find(orderId: number): Promise<DueOrder | undefined>;
  /** Its flag and its delivery; undefined when there is no such order. */
  standing(orderId: number): Promise<OrderStanding | undefined>;
  /** The order's row, in the transaction that enqueues its messages. `conflict`: another session was first. */
  open(orderId: number, generation: number, remaining: number, state: "open" | "held"): Promise<"opened" | "conflict">;
  /**
   * {@link open} for a batch, with a number of statements that does not grow with it. Order ids are distinct.
   * @returns ids of the orders that were opened; the missing ones are conflicts
   */
  openMany(
    orders: readonly {
      readonly orderId: number;
      readonly generation: number;
      readonly remaining: number;
      readonly state: "open" | "held";
    }[],
  ): Promise<ReadonlySet<number>>;
  /**
   * Counts settled messages down and, where none remains, sets `orders.notified` (all accepted) or marks the order dead.
   * Dropped messages are no longer owed. Locks each order's row first, so two sessions that settle its two messages at
   * once cannot both miss the end.
   * @returns orders that reached their end
   */
  settle(
    changes: readonly {
      readonly orderId: number;
      readonly generation: number;
      readonly accepted: number;
      readonly dropped: number;
      readonly dead: number;
    }[],
  ): Promise<readonly { readonly orderId: number; readonly end: "done" | "dead" }[]>;
  /** Dead messages of these orders were replayed: they are owed again, and the order is open. */
  reopen(
    changes: readonly { readonly orderId: number; readonly generation: number; readonly messages: number }[],
  ): Promise<void>;
  /** Orders whose flag somebody set TRUE while their messages were still owed. */
  flaggedByHand(limit: number): Promise<readonly { readonly orderId: number; readonly generation: number }[]>;
  /** Their messages were dropped: the row is done. */
  closeByHand(orderId: number, generation: number): Promise<void>;
  /** For the very first start: unnotified orders, and how many are older than `beforeMs`. */
  history(
    beforeMs: number,
  ): Promise<{ readonly unnotified: number; readonly older: number; readonly newestId: number | undefined }>;
  /**
   * Holds unnotified orders older than `beforeMs` (all when undefined) that have no row yet, at most `limit` per call.
   * @param upToId leaves out orders with a greater id: those that came while the history was being held
   * @returns how many
   */
  hold(beforeMs: number | undefined, limit: number, upToId?: number): Promise<number>;
  /**
   * Turns held orders created at `sinceMs` or later (all when undefined) into due ones, at most `limit` per call.
   * @returns how many
   */
  releaseHeld(sinceMs: number | undefined, limit: number): Promise<number>;
  counts(): Promise<{ readonly open: number; readonly held: number; readonly dead: number }>;
  /** What is unusual about the shop's table: column order, types, missing index, for `doctor` and the start-up log. */
  inspect(): Promise<readonly string[]>;
}
