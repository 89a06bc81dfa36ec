/**
 * @module
 */
import { text } from "../decode.ts";
import type { StateStore } from "../port.ts";
import type { Scope } from "../scope.ts";

/** Small facts by name. */
export function stateQueries(scope: Scope): StateStore {
  const [insertIgnore, orIgnore] = scope.dialect.insertIgnore;
  return {
    async get(key) {
      const row = await scope.db.selectFrom("service_state").select("value").where("name", "=", key).executeTakeFirst();
      return row === undefined ? undefined : text({ ...row }, "value");
    },

    async put(key, value) {
      await scope.atomic("state_put", (scope) =>
        scope.run(
          `INSERT INTO service_state (name, value) VALUES (?, ?) ${
            scope.dialect.name === "mysql" ? "ON DUPLICATE KEY UPDATE" : "ON CONFLICT (name) DO UPDATE SET"
          } value = ?`,
          [key, value, value],
        ));
    },

    async putIfAbsent(key, value) {
      const { affected } = await scope.atomic(
        "state_put_if_absent",
        (scope) =>
          scope.run(`${insertIgnore} service_state (name, value) VALUES (?, ?) ${orIgnore("name")}`, [key, value]),
      );
      return affected === 1;
    },

    async remove(key) {
      await scope.atomic(
        "state_remove",
        (scope) => scope.db.deleteFrom("service_state").where("name", "=", key).execute(),
      );
    },
  };
}
