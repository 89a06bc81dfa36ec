/**
 * Who a message is for or from. An address is a string with a type, so that it can be a column, a map key and
 * a log-free handle at once; the parts are read with {@link parseAddress}.
 *
 * | form | meaning |
 * |---|---|
 * | `signal:aci:<uuid>` | a Signal person by service id: stable, the identity (facts: signal.md §3.3) |
 * | `signal:tel:<+E.164>` | a Signal person of whom only the number is known |
 * | `signal:group:<base64>` | a Signal group, id as signal-cli prints it (16 or 32 bytes) |
 *
 * Other channels add their own kinds with the issue that brings them.
 *
 * @module
 */
import { DecodeError } from "./errors.ts";

/** An address in its string form. Made by the `make…` functions only. */
export type Address = string & { readonly __address: unique symbol };

export type AddressParts =
  | { readonly channel: "signal"; readonly kind: "aci"; readonly value: string }
  | { readonly channel: "signal"; readonly kind: "tel"; readonly value: string }
  | { readonly channel: "signal"; readonly kind: "group"; readonly value: string };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** ITU E.164: at most 15 digits; the shortest real ones have 7. */
const E164 = /^\+[1-9][0-9]{6,14}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** True for `+` and 7 to 15 digits: the only form of a number that signal-cli reads without guessing. */
export function isPhoneNumber(text: string): boolean {
  return E164.test(text);
}

/** True for the service id of a person, lower case. */
export function isServiceId(text: string): boolean {
  return UUID.test(text);
}

/** True for standard base64 of 16 (old groups) or 32 bytes, as signal-cli prints and takes group ids. */
export function isSignalGroupId(text: string): boolean {
  if (!BASE64.test(text) || text.length % 4 !== 0) return false;
  const bytes = (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
  return bytes === 16 || bytes === 32;
}

/** @throws {DecodeError} when it is no service id; upper case is accepted and lowered */
export function makeAci(uuid: string): Address {
  const value = uuid.toLowerCase();
  if (!isServiceId(value)) throw new DecodeError("signal service id", "not a UUID");
  return `signal:aci:${value}` as Address;
}

/** @throws {DecodeError} when it is not in E.164 form */
export function makeTel(number: string): Address {
  if (!isPhoneNumber(number)) throw new DecodeError("phone number", "not + and 7 to 15 digits");
  return `signal:tel:${number}` as Address;
}

/** @throws {DecodeError} when it is no group id */
export function makeGroup(groupId: string): Address {
  if (!isSignalGroupId(groupId)) throw new DecodeError("signal group id", "not base64 of 16 or 32 bytes");
  return `signal:group:${groupId}` as Address;
}

/** The inverse of the `make…` functions. @throws {DecodeError} for anything else */
export function parseAddress(address: string): AddressParts {
  const first = address.indexOf(":");
  const second = address.indexOf(":", first + 1);
  const [channel, kind, value] = [address.slice(0, first), address.slice(first + 1, second), address.slice(second + 1)];
  if (channel === "signal" && kind === "aci" && isServiceId(value)) return { channel, kind, value };
  if (channel === "signal" && kind === "tel" && isPhoneNumber(value)) return { channel, kind, value };
  if (channel === "signal" && kind === "group" && isSignalGroupId(value)) return { channel, kind, value };
  throw new DecodeError("address", "none of the known forms");
}

/**
 * One account of ours on one channel, `signal:+33…`: what a lease is held for, and the first half of a lane.
 * Our own number is not a secret (design, P7); still it is not logged.
 */
export type AccountId = string & { readonly __account: unique symbol };

/** @throws {DecodeError} when the number is not in E.164 form */
export function makeSignalAccount(number: string): AccountId {
  if (!isPhoneNumber(number)) throw new DecodeError("account", "not + and 7 to 15 digits");
  return `signal:${number}` as AccountId;
}
