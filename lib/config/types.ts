/**
 * What a setting's text may be: each type names its accepted form in words and turns text into a value.
 *
 * @module
 */
// As a namespace: bundled by name, every locale would come along.
import * as z from "zod";
import { isPhoneNumber, isSignalGroupId } from "../domain/address.ts";
import { MESSAGE_KINDS, type MessageKind } from "../domain/message.ts";

/** A form of text that a setting accepts. The text is trimmed (unless `verbatim`) and never blank: blank means missing. */
export interface TextType<T> {
  /** Completes "accepted: …", without a full stop. */
  readonly form: string;
  readonly schema: z.ZodType<T, string>;
  /** Blanks around it belong to it. */
  readonly verbatim?: boolean;
}

/** Builds a type from a plain function that gives undefined for what it does not accept. */
function type<T>(form: string, read: (text: string) => T | undefined): TextType<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text);
    if (value === undefined) {
      context.addIssue({ code: "custom", message: form });
      return z.NEVER;
    }
    return value;
  });
  return { form, schema };
}

/** Any text. */
export const anyText: TextType<string> = { form: "any text", schema: z.string() };

/** Any text, kept to the last blank. */
export const password: TextType<string> = { ...anyText, verbatim: true };

/** A path of the file system. `~` would be taken literally, so it is refused. */
export const filePath: TextType<string> = type(
  "a path (~ is not expanded)",
  (text) => text.includes("\0") || text.startsWith("~") ? undefined : text,
);

export const phoneNumber: TextType<string> = type(
  "a phone number with its country code, as +441632960001: + and 7 to 15 digits, no blanks",
  (text) => isPhoneNumber(text) ? text : undefined,
);

/** In front of a group's name, so that a mistyped id is refused at once and not looked for as a name. */
export const GROUP_NAME_PREFIX = "name:";

export const signalGroupId: TextType<string> = type(
  "a group id as `signal-automation groups` prints it, base64 of 16 or 32 bytes; or name: and the group's name",
  (text) =>
    isSignalGroupId(text) || (text.startsWith(GROUP_NAME_PREFIX) && text.length > GROUP_NAME_PREFIX.length)
      ? text
      : undefined,
);

/** Where a `signal-cli daemon` listens. */
export type SocketAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export const socketAddress: TextType<SocketAddress> = type(
  "the path of a unix socket, or host:port ([::1]:7583 for IPv6)",
  (text) => {
    if (text.includes("/")) {
      return text.includes("\0") || text.startsWith("~") ? undefined : { kind: "unix", path: text };
    }
    const found = /^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]{1,253}):([0-9]{1,5})$/.exec(text);
    const port = Number(found?.[2]);
    if (!found || port < 1 || port > 65_535) return undefined;
    return { kind: "tcp", host: found[1]!.replace(/^\[|\]$/g, ""), port };
  },
);

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): TextType<number> {
  return type(`a whole number from ${min} to ${max}`, (text) => {
    const value = Number(text);
    return /^\+?[0-9]{1,15}$/.test(text) && value >= min && value <= max ? value : undefined;
  });
}

/** Seconds in the text, fractions allowed; milliseconds in the value. Bounds are seconds, both included. */
export function seconds(min: number, max: number): TextType<number> {
  return type(`seconds, from ${min} to ${max}, fractions allowed`, (text) => {
    const value = Number(text);
    return /^\+?[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text) && value >= min && value <= max
      ? Math.round(value * 1000)
      : undefined;
  });
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Seconds, or a number with `s`, `m`, `h` or `d`; milliseconds in the value. Bounds are milliseconds. */
export function duration(minMs: number, maxMs: number): TextType<number> {
  const form = "seconds, or a number with its unit, as 90s, 30m, 12h or 3d; " +
    `from ${minMs / UNIT_MS.s} seconds to ${maxMs / UNIT_MS.d} days`;
  return type(form, (text) => {
    const parts = /^([0-9]{1,9})\s*([smhd]?)$/i.exec(text);
    if (parts === null) return undefined;
    const unit = (parts[2]?.toLowerCase() || "s") as keyof typeof UNIT_MS;
    const value = Number(parts[1]) * UNIT_MS[unit];
    return value >= minMs && value <= maxMs ? value : undefined;
  });
}

const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off"]);

export const yesOrNo: TextType<boolean> = type("true or false (also 1/0, yes/no, on/off)", (text) => {
  const word = text.toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
});

/** One of several words, in any case. */
export function choice<const W extends string>(...words: readonly W[]): TextType<W> {
  return type(words.length === 1 ? `${words[0]}` : `one of ${words.join(", ")}`, (text) => {
    return words.find((word) => word === text.toLowerCase());
  });
}

/** One of several words, of which only some are in this version. */
export function choiceSoFar<const W extends string>(words: readonly W[], later: readonly string[]): TextType<W> {
  return {
    ...choice(...words),
    form: `${words.join(" or ")} (${later.join(", ")}: comes with a later version)`,
  };
}

export const httpUrl: TextType<string> = type("an address that begins with https:// (or http://)", (text) => {
  if (/\s/.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return (url.protocol === "https:" || url.protocol === "http:") && url.hostname !== "" ? text : undefined;
});

export const host: TextType<string> = type("a host name or an IP address, without a port", (text) => {
  if (!/^[A-Za-z0-9_.:[\]%-]{1,253}$/.test(text)) return undefined;
  // An IPv6 address has two colons at least; one colon, or one behind the bracket, is a port.
  const hasPort = /^[^:]*:[^:]*$/.test(text) || text.includes("]:");
  return hasPort ? undefined : text;
});

/** A zone of the IANA list. Offsets such as +01:00 know no summer time and are refused. */
export const timeZone: TextType<string> = type("a time zone of the IANA list, as Europe/Paris or UTC", (text) => {
  if (!/^[A-Za-z]/.test(text)) return undefined;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
});

const CURRENCIES = new Set(Intl.supportedValuesOf("currency"));

export const currency: TextType<string> = type("a currency code of ISO 4217, as EUR or USD", (text) => {
  const code = text.toUpperCase();
  return CURRENCIES.has(code) ? code : undefined;
});

/** Python's names, which the original system used, and what they mean here. */
const LOG_LEVELS = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  WARN: "warn",
  ERROR: "error",
  CRITICAL: "critical",
} as const;
export type LogLevel = typeof LOG_LEVELS[keyof typeof LOG_LEVELS];

export const logLevel: TextType<LogLevel> = type("one of DEBUG, INFO, WARNING, ERROR, CRITICAL", (text) => {
  return Object.entries(LOG_LEVELS).find(([name]) => name === text.toUpperCase())?.[1];
});

/** `all`, `now`, or local date text to be read in ORDERS_TIMEZONE (`2026-11-21`, `2026-11-21T08:00`). */
export const ordersSince: TextType<string> = type("all, now, or a date as 2026-11-21 or 2026-11-21T08:00", (text) => {
  const word = text.toLowerCase();
  if (word === "all" || word === "now") return word;
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$/.test(text)) return undefined;
  try {
    return Temporal.PlainDateTime.from(text.replace(" ", "T")).toString();
  } catch {
    return undefined;
  }
});

/** What becomes of a message that was handed over and never answered. */
export type UnknownPolicy = "resend" | "hold";
export type UnknownPolicies = Readonly<Record<MessageKind, UnknownPolicy>>;

export const unknownPolicy: TextType<UnknownPolicies> = type(
  `resend or hold, or pairs as alert=hold,order_owner=resend (kinds: ${MESSAGE_KINDS.join(", ")}; others resend)`,
  (text) => {
    const policies = new Map<string, UnknownPolicy>();
    let others: UnknownPolicy | undefined;
    for (const part of text.toLowerCase().split(",").map((part) => part.trim())) {
      const [left, right, ...rest] = part.split("=").map((word) => word.trim());
      const policy = right ?? left;
      if (rest.length > 0 || (policy !== "resend" && policy !== "hold")) return undefined;
      if (right === undefined) {
        if (others !== undefined) return undefined;
        others = policy;
      } else {
        if (!MESSAGE_KINDS.includes(left as MessageKind) || policies.has(left!)) return undefined;
        policies.set(left!, policy);
      }
    }
    const all = MESSAGE_KINDS.map((kind) => [kind, policies.get(kind) ?? others ?? "resend"] as const);
    return Object.freeze(Object.fromEntries(all)) as UnknownPolicies;
  },
);

/** Fewest and most bytes of a Standard Webhooks key. */
const SIGNING_KEY_BYTES = { min: 24, max: 64 };

/** The key of Standard Webhooks (standardwebhooks.com, "Signature scheme"): the prefix is optional in the text. */
export const signingSecret: TextType<string> = type("whsec_ and base64 of 24 to 64 bytes", (text) => {
  const key = text.startsWith("whsec_") ? text.slice("whsec_".length) : text;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key) || key.length % 4 !== 0) return undefined;
  const bytes = atob(key).length;
  return bytes >= SIGNING_KEY_BYTES.min && bytes <= SIGNING_KEY_BYTES.max ? `whsec_${key}` : undefined;
});

/** Text of at least so many characters. */
export function longText(min: number): TextType<string> {
  return type(`at least ${min} characters`, (text) => text.length >= min ? text : undefined);
}
