/**
 * Kysely's driver over a {@link MysqlPool}.
 *
 * @module
 */
import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
} from "kysely";
import type { MysqlConnection } from "./connection.ts";
import type { MysqlPool } from "./pool.ts";

class MysqlDriver implements Driver {
  constructor(private readonly pool: MysqlPool) {}

  async init(): Promise<void> {}
  async beginTransaction(): Promise<void> {
    throw new Error("transactions are begun by the store");
  }
  async commitTransaction(): Promise<void> {}
  async rollbackTransaction(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    return this.pool.acquire();
  }
  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.pool.release(connection as MysqlConnection);
  }
  destroy(): Promise<void> {
    return this.pool.close();
  }
}

/** The driver as Kysely wants to be given it. */
export function mysqlDialect(pool: MysqlPool): Dialect {
  return {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => new MysqlDriver(pool),
    // deno-lint-ignore no-explicit-any
    createIntrospector: (db: Kysely<any>) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  };
}
