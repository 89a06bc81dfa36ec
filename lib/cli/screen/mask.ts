/** Numbers of people, hidden enough to be shown in a terminal that somebody else may see. @module */
import { type Address, parseAddress } from "../../domain/address.ts";

/** Digits that stay at the front (with the `+`: country code and a little) and at the end. */
const [SHOWN_FIRST, SHOWN_LAST] = [3, 3];
const FEWEST_HIDDEN = 2;

/** `+33•••••789`: enough to recognise a number that one knows. */
export function maskNumber(number: string): string {
  const hidden = number.length - SHOWN_FIRST - SHOWN_LAST;
  if (hidden < FEWEST_HIDDEN) return "•".repeat(number.length);
  return number.slice(0, SHOWN_FIRST) + "•".repeat(hidden) + number.slice(-SHOWN_LAST);
}

/** An address in a table: `+33•••••789`, `person 1f0a…`, `group KWxs…`. @param showNumbers nothing is hidden */
export function showAddress(address: Address, showNumbers: boolean): string {
  const { kind, value } = parseAddress(address);
  if (kind === "tel") return showNumbers ? value : maskNumber(value);
  const word = kind === "aci" ? "person" : "group";
  return showNumbers ? `${word} ${value}` : `${word} ${value.slice(0, 4)}…`;
}
