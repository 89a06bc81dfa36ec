/**
 * Who somebody who writes "Go" is to us. Facts in, a step out; `registration.ts` carries it out.
 *
 * The service identity decides. A number only finds rows that have no identity yet (those of the original system):
 * numbers are handed to other people, so a row that belongs to another identity is never given away by its number.
 *
 * @module
 */
import type { Address } from "../../domain/address.ts";
import type { Affiliate } from "../../store/port.ts";

export interface WriterFacts {
  /** The writer's service identity; `undefined` when the channel tells only a number. */
  readonly identity: Address | undefined;
  /** The writer's number; `undefined` when hidden. */
  readonly phoneNumber: string | undefined;
  /** The row of that identity. */
  readonly byIdentity: Affiliate | undefined;
  /** The row of that number. */
  readonly byNumber: Affiliate | undefined;
}

export type Step =
  /** Nobody we know: a new row. The number is left out when it stands in the row of another identity. */
  | { readonly step: "register"; readonly identity: Address | undefined; readonly phoneNumber: string | undefined }
  /** A row that was known by number only gets the identity that belongs to it. */
  | { readonly step: "bind"; readonly affiliate: Affiliate; readonly identity: Address }
  /**
   * Two rows turn out to be one person: `from` becomes an alias of `into`, the older one. Its deactivation goes along:
   * it was meant for the person.
   */
  | { readonly step: "merge"; readonly from: Affiliate; readonly into: Affiliate; readonly phoneNumber: string }
  /** The number became known or changed. */
  | { readonly step: "learn_number"; readonly affiliate: Affiliate; readonly phoneNumber: string }
  /** Known, nothing to write. */
  | { readonly step: "known"; readonly affiliate: Affiliate };

/** The table in `lib/automations/README.md`, row by row. */
export function decideWriter(facts: WriterFacts): Step {
  const { identity, phoneNumber, byIdentity, byNumber } = facts;
  if (byIdentity === undefined) {
    if (byNumber === undefined) return { step: "register", identity, phoneNumber };
    if (identity === undefined) return { step: "known", affiliate: byNumber };
    if (byNumber.identity === undefined) return { step: "bind", affiliate: byNumber, identity };
    return { step: "register", identity, phoneNumber: undefined };
  }
  if (phoneNumber === undefined || byNumber?.id === byIdentity.id) return { step: "known", affiliate: byIdentity };
  if (byNumber === undefined) return { step: "learn_number", affiliate: byIdentity, phoneNumber };
  if (byNumber.identity !== undefined) return { step: "known", affiliate: byIdentity };
  const [into, from] = isOlder(byIdentity, byNumber) ? [byIdentity, byNumber] : [byNumber, byIdentity];
  return { step: "merge", from, into, phoneNumber };
}

function isOlder(a: Affiliate, b: Affiliate): boolean {
  return a.createdAtMs === b.createdAtMs ? a.id < b.id : a.createdAtMs < b.createdAtMs;
}
