/**
 * The second belt of privacy (design, P7): whatever a room puts into a log line by mistake, what looks like a person's
 * number, a token or a secret is replaced before the line is formatted. The first belt is that rooms log ids only.
 *
 * It must leave ids, counts, codes, instants and durations as they are: a log without them helps nobody. So bare digits
 * without a `+`, `00` or a national leading 0 are never taken for a phone number.
 *
 * @module
 */
import type { LogFields } from "../runtime/log.ts";

export const REDACTED = "[redacted]";

/** Length of affiliate tokens when nothing else is said (TOKEN_LENGTH). */
const DEFAULT_TOKEN_LENGTH = 12;
/** Shorter values are not searched for as literals: they would tear holes into ordinary words. */
const SHORTEST_LITERAL = 6;
/** A number below this under a private key is a count or a length, not a phone number. */
const SMALLEST_PRIVATE_NUMBER = 1_000_000;

/** Field names whose text is private whatever it looks like; compared without case, `_` and `-`. */
const PRIVATE_FIELD =
  /pass(word|wd|phrase)|secret|token|authorization|cookie|apikey|credential|encryptionkey|signingkey|messagetext|recipient|phone|^(body|text|message|sender|client|clientname|displayname|ip|ipaddress|number|to|from|url|query|caption|captcha|challenge)$|(message|reply|request|response|raw)body$/;
/** Field names that measure something private: `tokenLength`, `recipientCount`, `bodyBytes`. */
const MEASURE_FIELD = /(ms|seconds|count|length|bytes|width|total|size|id)$/;

export interface RedactOptions {
  /** The secrets of this very process (passwords, keys, webhook URL): replaced wherever they occur. */
  readonly secrets?: readonly string[];
  /** Length of affiliate tokens, characters. Default 12. */
  readonly tokenLength?: number;
}

export interface Redactor {
  /** Replaces what looks private inside a text. Idempotent. */
  text(text: string): string;
  /** Replaces private fields whole, and what looks private inside the others. */
  fields(fields: LogFields): LogFields;
}

/** Builds the redactor once; its patterns run over every line. */
export function makeRedactor(options: RedactOptions = {}): Redactor {
  const literals = [...new Set(options.secrets ?? [])]
    .filter((secret) => secret.length >= SHORTEST_LITERAL)
    // The longest first: a secret may contain another one.
    .sort((a, b) => b.length - a.length);
  const patterns = patternsFor(options.tokenLength ?? DEFAULT_TOKEN_LENGTH);

  const text = (value: string): string => {
    let result = value;
    for (const literal of literals) result = result.replaceAll(literal, REDACTED);
    for (const [pattern, replacement] of patterns) result = result.replace(pattern, replacement);
    return result;
  };
  return {
    text,
    fields(fields) {
      const result: Record<string, string | number | boolean | undefined> = {};
      for (const [key, value] of Object.entries(fields)) {
        if (isPrivate(key, value)) result[key] = REDACTED;
        else result[key] = typeof value === "string" ? text(value) : value;
      }
      return result;
    },
  };
}

function isPrivate(key: string, value: string | number | boolean | undefined): boolean {
  if (value === undefined || typeof value === "boolean" || value === "") return false;
  const name = key.toLowerCase().replace(/[_-]/g, "");
  if (!PRIVATE_FIELD.test(name)) return false;
  if (typeof value === "string") return !(MEASURE_FIELD.test(name) && /^\d{1,6}$/.test(value));
  return value >= SMALLEST_PRIVATE_NUMBER && !MEASURE_FIELD.test(name);
}

function patternsFor(tokenLength: number): readonly (readonly [RegExp, string])[] {
  const token = `[A-Z0-9]{${tokenLength}}`;
  return [
    // Everything behind the host of a URL can be a secret (webhooks carry theirs in the path), and so can the login.
    [/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#@"'<>]*@)?([^\s/?#"'<>]+)[/?#][^\s"'<>]+/gi, `$1$2/${REDACTED}`],
    [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]+@/gi, `$1${REDACTED}@`],
    [/\b(bearer|basic)\s+(?!\[redacted\])[A-Za-z0-9._~+/=-]+/gi, `$1 ${REDACTED}`],
    [/\bwhsec_[A-Za-z0-9+/=_-]+/g, REDACTED],
    // A JSON web token: three base64url parts.
    [/\beyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, REDACTED],
    // name=value and name: value inside a text.
    [
      /\b((?:[a-z]+[_-])*(?:password|passwd|secret|token|api[_-]?key|authorization))(["']?\s*[=:]\s*["']?)(?!(?:bearer|basic)\s|\[redacted\])[^\s"',;&]+/gi,
      `$1$2${REDACTED}`,
    ],
    // Addresses of the domain: a person's service id is as good as a name.
    [/\b([a-z]+:(?:aci|tel|group)):(?!\[redacted\])[^\s"',;)\]]+/g, `$1:${REDACTED}`],
    // Base64 of 16 or 32 bytes: group ids and keys.
    [/(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])/g, REDACTED],
    [/[\p{L}0-9._%+-]+@[\p{L}0-9-]+(?:\.[\p{L}0-9-]+)+/gu, REDACTED],
    // + or 00 and 7 to 15 digits, also grouped by blanks, points, hyphens or brackets.
    [/(?<![\w+])(?:\+|00)[1-9](?:[ .()-]{0,2}\d){6,14}(?!\d)/g, REDACTED],
    // The national form of ten digits (06 12 34 56 78); an id never starts with 0.
    [/(?<![\w.:+-])0[1-9](?:[ .-]?\d{2}){4}(?![\w])/g, REDACTED],
    // A token has letters and digits; words in capitals (ECONNREFUSED) and plain numbers have only one of the two.
    [
      new RegExp(`(?<![A-Za-z0-9_-])(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*[0-9])${token}(?![A-Za-z0-9_-])`, "g"),
      REDACTED,
    ],
  ];
}
