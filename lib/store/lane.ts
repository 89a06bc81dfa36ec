/**
 * @module
 */
import { createHash } from "node:crypto";
import type { AccountId, Address } from "../domain/address.ts";

/** Characters of a lane: 128 bits, so that two recipients never share one by accident. */
const LANE_LENGTH = 32;

/**
 * The lane of a recipient: messages of one lane leave one after another (design §4). A hash, so that the hot table can
 * be ordered by recipient while addresses are encrypted.
 * @returns the first 32 hex characters of SHA-256 over account, line feed, recipient
 */
export function laneOf(account: AccountId, recipient: Address): string {
  return createHash("sha256").update(`${account}\n${recipient}`).digest("hex").slice(0, LANE_LENGTH);
}
