/**
 * Values as people read them. The only place that knows time zones and currencies; every function returns a text
 * whatever it is given.
 *
 * @module
 */

/** What stands for a value that the shop did not fill in, as in the original system. */
export const NOT_AVAILABLE = "N/A";

/**
 * `HH:MM:SS` on the wall clock of a zone, 24 hours.
 * @param ms instant, milliseconds since 1970 UTC
 * @param zone IANA name, checked by the settings: `Europe/Paris`
 */
export function formatTime(ms: number, zone: string): string {
  return inZone(ms, zone)?.toPlainTime().toString({ smallestUnit: "second" }) ?? NOT_AVAILABLE;
}

/** `YYYY-MM-DD` on the calendar of a zone. Parameters as in {@link formatTime}. */
export function formatDate(ms: number, zone: string): string {
  return inZone(ms, zone)?.toPlainDate().toString() ?? NOT_AVAILABLE;
}

function inZone(ms: number, zone: string): Temporal.ZonedDateTime | undefined {
  try {
    return Temporal.Instant.fromEpochMilliseconds(Math.floor(ms)).toZonedDateTimeISO(zone);
  } catch (error) {
    // No instant (NaN, beyond Temporal's range) or no zone: the settings refuse such a zone, a row may hold any number.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * An amount: `12.50€` for EUR as in the original system, `12.50 USD` for every other currency (a code is the same
 * everywhere; `$` is not). As many decimals as the currency has (JPY none, TND three), no grouping, exact for any length,
 * rounded half away from zero as MySQL's ROUND does. 0 is `0.00€`; an absent or unreadable total is `N/A`.
 * @param total DECIMAL text, also with an exponent as DOUBLE columns have it
 * @param currency ISO 4217 code, checked by the settings
 */
export function formatTotal(total: string | undefined, currency: string): string {
  const amount = total === undefined ? undefined : roundDecimal(total, minorDigits(currency));
  if (amount === undefined) return NOT_AVAILABLE;
  return currency === "EUR" ? `${amount}€` : `${amount} ${currency}`;
}

/** The text, or `N/A` when it is absent or has nothing to read. */
export function orNA(text: string | undefined): string {
  return text === undefined || text.trim() === "" ? NOT_AVAILABLE : text;
}

/** Most digits before or after the point that are written out: MySQL's DECIMAL has 65, a DOUBLE reaches 309. */
const MAX_DIGITS = 400;

/** Rounds decimal text on its digits: a float would turn 0.285 into 0.28. */
function roundDecimal(text: string, decimals: number): string | undefined {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "" || whole.length + fraction.length > MAX_DIGITS) return undefined;
  // The value is digits / 10^scale.
  const scale = fraction.length - Number(exponent);
  if (Math.abs(scale) > MAX_DIGITS) return undefined;
  const digits = BigInt(whole + fraction);
  const shift = decimals - scale;
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : halfUp(digits, 10n ** BigInt(-shift));
  const padded = units.toString().padStart(decimals + 1, "0");
  const point = padded.length - decimals;
  const minus = sign === "-" && units !== 0n ? "-" : "";
  return `${minus}${padded.slice(0, point)}${decimals === 0 ? "" : `.${padded.slice(point)}`}`;
}

function halfUp(digits: bigint, by: bigint): bigint {
  return (2n * digits + by) / (2n * by);
}

/** Decimals that a currency has; 2 for a code that Intl does not know. */
function minorDigits(currency: string): number {
  if (!/^[A-Za-z]{3}$/.test(currency)) return 2;
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/** Everything that starts a new line on some screen; CR LF is one break. */
const LINE_BREAKS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;

/**
 * Characters that no honest value needs and that can disguise a message: controls, and the bidi embeddings, overrides and
 * isolates (U+202A–E, U+2066–9, U+206A–F), which reorder what follows them. What scripts and emoji need stays: joiners
 * (U+200C, U+200D), variation selectors, tags of flags, combining marks, and the marks U+200E, U+200F, U+061C.
 */
// deno-lint-ignore no-control-regex
const DISGUISES = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u206f]/g;

/**
 * A value that stays inside its line: line breaks and tabs become a space, controls and bidi overrides disappear, a
 * broken surrogate becomes U+FFFD.
 */
export function oneLine(text: string): string {
  return text.toWellFormed().replace(LINE_BREAKS, " ").replaceAll("\t", " ").replace(DISGUISES, "");
}

/** Like {@link oneLine}, but line breaks stay (as `\n`): for texts of our own that have several lines. */
export function severalLines(text: string): string {
  return text.replace(LINE_BREAKS, "\n").split("\n").map(oneLine).join("\n");
}
