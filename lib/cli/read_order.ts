/**
 * One order of the shop by its id, whether or not it is due: for previews only. The service itself never looks an order
 * up, so the store's port has no such read; the row is read through the store's own reader of that table.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { mysqlEngine } from "../store/mysql/open.ts";
import type { DueOrder } from "../store/port.ts";
import { OrdersTableReader } from "../store/queries/orders_table.ts";
import { Scope } from "../store/scope.ts";
import { sqliteEngine } from "../store/sqlite/open.ts";
import type { CliContext } from "./command.ts";
import { singleConnection } from "./migrator.ts";

/** @returns undefined when there is no such order @throws {StoreUnavailable} */
export async function readOrder(config: Config, context: CliContext, id: number): Promise<DueOrder | undefined> {
  const { clock, random } = context;
  const options = await singleConnection(config);
  const engine = options.engine === "sqlite"
    ? sqliteEngine(options, { clock, random })
    : mysqlEngine(options, { clock, random });
  try {
    const scope = new Scope(engine.db, engine.dialect, true);
    const reader = new OrdersTableReader(engine, clock, options.ordersTimezone);
    return await reader.with(scope, async (shape) => {
      const [row] = await scope.rows(`SELECT ${shape.select}, 0 AS last_generation FROM orders o WHERE o.id = ?`, [id]);
      return row === undefined ? undefined : shape.decode(row);
    });
  } finally {
    await engine.close();
  }
}
