/**
 * Who was written to before.
 *
 * @module
 */
import type { OutboxStore } from "../port.ts";
import { MOST_MET } from "../port/outbox.ts";
import { integer, text } from "../decode.ts";
import { chunks, marks, type Scope, tuples } from "../scope.ts";

/** Lanes of one statement. */
const CHUNK = 200;

export function outboxContacts(scope: Scope): Pick<OutboxStore, "knownLanes" | "metSince" | "rememberLanes"> {
  return {
    async knownLanes(account, lanes) {
      const known = new Set<string>();
      for (const some of chunks(lanes, CHUNK)) {
        const rows = await scope.rows(
          `SELECT lane FROM outbox_contacts WHERE account = ? AND lane IN (${marks(some.length)})`,
          [account, ...some],
        );
        for (const row of rows) known.add(text(row, "lane"));
      }
      return known;
    },

    // Reads every contact of the account, having no index by date: for once in a lease, where first messages are limited.
    async metSince(account, sinceMs) {
      const rows = await scope.rows(
        `SELECT first_accepted_at_ms FROM outbox_contacts WHERE account = ? AND first_accepted_at_ms >= ?
         ORDER BY first_accepted_at_ms DESC LIMIT ${MOST_MET}`,
        [account, sinceMs],
      );
      return rows.map((row) => integer(row, "first_accepted_at_ms"));
    },

    async rememberLanes(account, lanes, nowMs) {
      const [insert, ending] = scope.dialect.insertIgnore;
      // Sorted, so that two sessions take the rows in the same order and cannot lock each other out.
      for (const some of chunks([...lanes].sort(), CHUNK)) {
        await scope.post(
          `${insert} outbox_contacts (account, lane, first_accepted_at_ms) VALUES ${tuples(some.length, "(?, ?, ?)")} ${
            ending("account, lane")
          }`,
          some.flatMap((lane) => [account, lane, nowMs]),
          { what: "outbox_contacts" },
        );
      }
    },
  };
}
