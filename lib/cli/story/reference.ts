/** What `explain` and `dlq` take for an id. @module */

/** A message of the outbox, an order of the shop, or something that was received. */
export interface Reference {
  readonly type: "message" | "order" | "inbox";
  readonly id: number;
}

/** `12` or `outbox:12`, `order:7`, `inbox:3`; undefined for anything else. */
export function parseReference(text: string): Reference | undefined {
  const [, prefix, digits] = /^(?:(outbox|order|inbox):)?([1-9][0-9]{0,14})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const type = prefix === "order" || prefix === "inbox" ? prefix : "message";
  return { type, id: Number(digits) };
}
