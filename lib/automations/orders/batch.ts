/**
 * One batch of the orders scan: read what is due, decide, and store rows and messages in one transaction.
 *
 * @module
 */
import { LeaseLost, StoreUnavailable } from "../../domain/errors.ts";
import type { Alarm } from "../../runtime/alarm.ts";
import type { Counters } from "../../runtime/counters.ts";
import { describeError, type Log } from "../../runtime/log.ts";
import type { DueOrder, Lease } from "../../store/port.ts";
import type { TemplateSet } from "../../templates/template_set.ts";
import { decideOrder, type OrderDecision, type OrderSettings, tokenOf } from "./decide.ts";
import { fenced, type FenceOptions } from "./fence.ts";
import type { SetAside } from "./set_aside.ts";

export interface BatchOptions extends FenceOptions {
  readonly settings: OrderSettings;
  /** The set in use now: it is swapped whole when the file changes. */
  readonly templates: { readonly current: TemplateSet };
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** Orders per transaction. */
  readonly batchSize: number;
}

interface Decided {
  readonly order: DueOrder;
  readonly decision: OrderDecision;
}

export interface BatchResult {
  /** Messages were stored: somebody may wake the dispatcher. */
  readonly enqueued: boolean;
  /** There may be more to do at once. */
  readonly more: boolean;
}

/**
 * The number of statements does not depend on the number of orders. When the batch fails as a whole although the
 * database works, its orders are tried one by one, so that the bad one is found and set aside.
 * @throws {LeaseLost} @throws {StoreUnavailable}
 */
export async function runBatch(options: BatchOptions, setAside: SetAside, lease: Lease): Promise<BatchResult> {
  const { store, clock, batchSize } = options;
  // Those set aside are still due; they must not use up the places of others.
  const limit = batchSize + setAside.size;
  const due = await store.orders.due(limit);
  const complete = due.length < limit;
  if (complete && setAside.keepOnly(due)) clearAlarm(options);
  const orders = setAside.ready(due, clock.monotonicMs()).slice(0, batchSize);
  if (orders.length === 0) return { enqueued: false, more: false };

  const decided = await decideAll(options, setAside, orders);
  let opened: ReadonlySet<number>;
  try {
    opened = await commit(options, lease, decided);
    for (const { order } of decided) if (setAside.remove(order.id)) clearAlarm(options);
  } catch (error) {
    if (error instanceof LeaseLost || error instanceof StoreUnavailable) throw error;
    opened = await commitOneByOne(options, setAside, lease, decided, error);
  }
  report(options, decided, opened);
  // A batch in which nothing moved would be read again and again: then the next look is the next ring's.
  return { enqueued: opened.size > 0, more: !complete && opened.size > 0 };
}

async function decideAll(
  options: BatchOptions,
  setAside: SetAside,
  orders: readonly DueOrder[],
): Promise<readonly Decided[]> {
  const { store, settings, clock } = options;
  const tokens = new Set(orders.map(tokenOf).filter((token) => token !== undefined));
  const affiliates = tokens.size === 0 ? undefined : await store.affiliates.byTokens([...tokens]);
  const templates = options.templates.current;
  const nowMs = clock.nowMs();
  const decided: Decided[] = [];
  for (const order of orders) {
    const token = tokenOf(order);
    const affiliate = token === undefined ? undefined : affiliates?.get(token);
    try {
      decided.push({ order, decision: decideOrder(order, affiliate, settings, templates, nowMs) });
    } catch (error) {
      putAside(options, setAside, order.id, error);
    }
  }
  return decided;
}

async function commit(options: BatchOptions, lease: Lease, decided: readonly Decided[]): Promise<ReadonlySet<number>> {
  if (decided.length === 0) return new Set();
  return await fenced(options, lease, "orders.open", async (tx) => {
    const opened = await tx.orders.openMany(decided.map(({ order, decision }) => ({
      orderId: order.id,
      generation: order.generation,
      remaining: decision.messages.length,
      state: "open",
    })));
    const messages = decided.filter(({ order }) => opened.has(order.id)).flatMap(({ decision }) => decision.messages);
    if (messages.length > 0) await tx.outbox.enqueue(messages);
    return opened;
  });
}

/** @param batchError what the whole batch failed with: that of its only order, when there is one only */
async function commitOneByOne(
  options: BatchOptions,
  setAside: SetAside,
  lease: Lease,
  decided: readonly Decided[],
  batchError: unknown,
): Promise<ReadonlySet<number>> {
  const opened = new Set<number>();
  if (decided.length === 1) putAside(options, setAside, decided[0]!.order.id, batchError);
  else {
    for (const one of decided) {
      try {
        for (const id of await commit(options, lease, [one])) opened.add(id);
        if (setAside.remove(one.order.id)) clearAlarm(options);
      } catch (error) {
        if (error instanceof LeaseLost || error instanceof StoreUnavailable) throw error;
        putAside(options, setAside, one.order.id, error);
      }
    }
  }
  return opened;
}

function putAside(options: BatchOptions, setAside: SetAside, orderId: number, error: unknown): void {
  if (!setAside.hasPlaceFor(orderId)) throw error;
  const retryInMs = setAside.add(orderId, options.clock.monotonicMs());
  options.log.error("An order could not be turned into messages; it is tried again", {
    order: orderId,
    retryInMs,
    cause: describeError(error),
  });
  options.counters.add("orders_failed_total");
  options.alarm.raise(
    "order_failed",
    "error",
    `Order ${orderId} could not be turned into messages; it is tried again, the others go on. The log has the cause.`,
  );
}

function clearAlarm({ alarm }: BatchOptions): void {
  alarm.clear("order_failed", "No order waits after a failure any more");
}

function report(options: BatchOptions, decided: readonly Decided[], opened: ReadonlySet<number>): void {
  const { log, counters } = options;
  let messages = 0;
  for (const { order, decision } of decided) {
    if (!opened.has(order.id)) continue;
    messages += decision.messages.length;
    if (decision.remarks.length === 0) continue;
    log.warn("An order was unusual", {
      order: order.id,
      remarks: decision.remarks.join(", "),
      columns: order.problems.length > 0 ? order.problems.join(", ") : undefined,
    });
    for (const remark of decision.remarks) counters.add("order_remarks_total", 1, { remark });
  }
  const conflicts = decided.length - opened.size;
  if (conflicts > 0) log.debug("Orders were left: they have their row or failed", { orders: conflicts });
  if (opened.size === 0) return;
  counters.add("orders_enqueued_total", opened.size);
  log.info("Orders became messages", { orders: opened.size, messages });
}
