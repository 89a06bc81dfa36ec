/**
 * Seeds that found something, run again: short, and with what each found. A seed repeats the plan of mishaps, not the timing of
 * processes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { chaos, type ChaosOptions } from "./chaos.ts";

interface Found extends ChaosOptions {
  readonly what: string;
}

const FOUND: readonly Found[] = [
  {
    what: "messages received while the database was frozen stayed in memory, and a kill lost them",
    seed: 7,
    seconds: 20,
    engine: "mariadb",
    instances: 1,
  },
  ...([[107, "mysql"], [113, "mysql"], [117, "mariadb"]] as const).map(([seed, engine]) => ({
    what: "messages that another host had sent and could not settle were sent again, behind newer ones",
    seed,
    seconds: 30,
    engine,
    instances: 2 as const,
  })),
];

for (const { what, ...options } of FOUND) {
  const skip = databases().find(({ name }) => name === options.engine)!.skip;
  Deno.test({
    name: `seed ${options.seed} on ${options.engine}: ${what}`,
    ignore: skip !== undefined,
    async fn() {
      const outcome = await chaos(options);
      assert.deepEqual(outcome.broken, [], JSON.stringify(outcome));
    },
  });
}
