/**
 * Values of the shop's table, as they are found: each is read by itself, and one that cannot be read is named, not thrown.
 *
 * @module
 */

/** A value that was read, or what was wrong with it. */
export type Read<T> = { readonly value: T | undefined } | { readonly problem: string };

const NOTHING: Read<never> = { value: undefined };
const DECIMAL = /^[+-]?[0-9]{1,60}(\.[0-9]+)?$/;
/** Numbers above are milliseconds, below seconds since 1970 (1973 in milliseconds, 5138 in seconds). */
const SECONDS_BELOW = 1e11;
/** What lies behind it is no date any more (ECMA-262, "time value"). */
const LAST_DATE_MS = 8.64e15;

export function readText(value: unknown): Read<string> {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "string") return { value };
  if (typeof value === "number" || typeof value === "bigint") return { value: String(value) };
  if (value instanceof Uint8Array) {
    try {
      return { value: new TextDecoder("utf-8", { fatal: true }).decode(value) };
    } catch {
      return { problem: "not UTF-8" };
    }
  }
  return { problem: "not a text" };
}

/** DECIMAL text with two places at least. A text column may write a comma. */
export function readDecimal(value: unknown): Read<string> {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "number") {
    return Number.isFinite(value) ? { value: value.toFixed(2) } : { problem: "not a number" };
  }
  if (typeof value !== "string") return { problem: "not a number" };
  const trimmed = value.trim();
  const text = trimmed.includes(".") ? trimmed : trimmed.replace(",", ".");
  if (!DECIMAL.test(text)) return { problem: "not a number" };
  const [whole, places = ""] = text.replace("+", "").split(".");
  return { value: `${whole}.${places.padEnd(2, "0")}` };
}

/** A token of an affiliate; an empty one is none. */
export function readToken(value: unknown): Read<string> {
  const read = readText(value);
  return "value" in read && read.value?.trim() === "" ? NOTHING : read;
}

/**
 * An instant. Texts without an offset are local time in `zone`: in a gap the later, in an overlap the earlier instant.
 * @returns milliseconds since 1970 UTC
 */
export function readInstant(value: unknown, zone: string): Read<number> {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "number") {
    const ms = Math.round(value < SECONDS_BELOW ? value * 1000 : value);
    return ms > 0 && ms <= LAST_DATE_MS ? { value: ms } : { problem: "not a date" };
  }
  if (typeof value !== "string") return { problem: "not a date" };
  const text = value.trim().replace(" ", "T");
  try {
    return {
      value: /(Z|[+-][0-9]{2}:?[0-9]{2})$/i.test(text)
        ? Temporal.Instant.from(text).epochMilliseconds
        : Temporal.PlainDateTime.from(text).toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds,
    };
  } catch {
    return { problem: "not a date" };
  }
}

/** The other way: local time in `zone`, in the form both engines compare as text. */
export function localText(instantMs: number, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zone).toPlainDateTime()
    .toString({ fractionalSecondDigits: 3 }).replace("T", " ");
}
