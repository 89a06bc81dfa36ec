/**
 * Who takes part in the tests of this room.
 *
 * @module
 */
import { type AccountId, type Address, makeGroup, makeSignalAccount, makeTel } from "../../lib/domain/address.ts";

export const NUMBER = "+15550100001";
export const ACCOUNT: AccountId = makeSignalAccount(NUMBER);
export const GROUP_ID = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
export const GROUP: Address = makeGroup(GROUP_ID);

/** The n-th person. */
export function number(n: number): string {
  return `+1555020${String(n).padStart(4, "0")}`;
}
export function uuid(n: number): string {
  return `7d0c1f5e-2f7b-4a3e-9d51-${String(n).padStart(12, "0")}`;
}
export function person(n: number): Address {
  return makeTel(number(n));
}
