/** @module */
import type { DeadFilter } from "../port.ts";

/** What follows `WHERE`, with its parameters, for a table of dead letters. @param diedAt the column that says when one died */
export function whereDead(
  { reason, channel, diedUntilMs, afterId = 0, beforeId, newestFirst = false, limit }: DeadFilter,
  diedAt: string,
): readonly [sql: string, parameters: readonly unknown[]] {
  const conditions: [string, unknown][] = [
    ["id > ?", afterId],
    ["id < ?", beforeId],
    ["reason = ?", reason],
    ["account LIKE ?", channel === undefined ? undefined : `${channel}:%`],
    [`${diedAt} <= ?`, diedUntilMs],
  ];
  const asked = conditions.filter(([, value]) => value !== undefined);
  return [
    `state = 'dead' AND ${asked.map(([sql]) => sql).join(" AND ")} ORDER BY id ${newestFirst ? "DESC" : ""} LIMIT ?`,
    [...asked.map(([, value]) => value), limit],
  ];
}
