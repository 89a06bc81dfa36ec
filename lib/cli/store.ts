/**
 * The store for a command: opened as the settings say, checked, and closed whatever happens.
 *
 * @module
 */
import { openDatabase } from "../app/database.ts";
import type { Config } from "../config/config.ts";
import type { Store } from "../store/port.ts";
import type { CliContext, Invocation } from "./command.ts";
import { needConfig } from "./settings.ts";

/**
 * Runs `work` on the store of the settings.
 * @throws {CliProblem} for settings, {StoreUnavailable} when the database cannot be used or its tables do not fit
 */
export async function withStore<T>(
  invocation: Invocation,
  context: CliContext,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> {
  const config = await needConfig(invocation, context);
  const store = openDatabase(config, { clock: context.clock, random: context.random });
  try {
    await store.checkSchema();
    return await work(store, config);
  } finally {
    await store.close();
  }
}
