/**
 * Receipts as evidence: which message one may speak of.
 *
 * @module
 */
import { type Address, parseAddress } from "../domain/address.ts";

/** Whether one of these addresses is in the group; undefined when its members are not known. */
export type IsMember = (group: Address, addresses: readonly Address[]) => boolean | undefined;

/**
 * Timestamps are signal-cli's, ours are taken around the request on the same machine: a step of the clock in between is
 * allowed for, milliseconds.
 */
const CLOCK_SLACK_MS = 50;

/** A receipt that belongs to no message whose fate is known. */
export interface Evidence {
  /** The timestamp it speaks of: what `remoteId` of that message would be. */
  readonly remoteId: string;
  /** Who acknowledged, by service id where that is known. */
  readonly from: Address | undefined;
  /** The same person by number, when it is known. */
  readonly fromNumber?: Address | undefined;
}

/** Whether the evidence may speak of a message to this recipient that was handed over and failed at these times. */
export function fits(
  evidence: Evidence,
  recipient: Address,
  handedOverAtMs: number,
  endedAtMs: number,
  isMember: IsMember,
): boolean {
  const atMs = Number(evidence.remoteId);
  if (atMs < handedOverAtMs - CLOCK_SLACK_MS || atMs > endedAtMs + CLOCK_SLACK_MS) return false;
  return isFrom(evidence, recipient, isMember);
}

/** Whether it comes from the recipient, as far as that can be known; of a group: from a member. */
export function isFrom({ from, fromNumber }: Evidence, recipient: Address, isMember: IsMember): boolean {
  switch (parseAddress(recipient).kind) {
    case "aci":
      return from === recipient;
    case "tel":
      // Of a sender whose number signal-cli does not know, the time alone has to do.
      return fromNumber === undefined || fromNumber === recipient;
    case "group": {
      const addresses = [from, fromNumber].filter((address) => address !== undefined);
      return addresses.length === 0 || isMember(recipient, addresses) !== false;
    }
  }
}
