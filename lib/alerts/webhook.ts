/**
 * The webhook: one notice becomes one POST, tried a few times.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";
import { describeError, type Log } from "../runtime/log.ts";
import type { Random } from "../runtime/random.ts";
import type { WebhookNotice, WebhookResult, WebhookWay } from "./port.ts";
import { formatFor, makeBody, type WebhookFormat } from "./webhook_body.ts";

export interface WebhookOptions {
  /** WEBHOOK_URL: a secret as a whole, never logged beyond its host. */
  readonly url: string;
  /** WEBHOOK_TIMEOUT in milliseconds, per try. */
  readonly timeoutMs: number;
  /** WEBHOOK_RETRIES: tries in all, at least 1 (as in the original). */
  readonly tries: number;
  /** WEBHOOK_FORMAT. */
  readonly format: WebhookFormat | "auto";
  /** WEBHOOK_SIGNING_SECRET: `whsec_` and base64, or any text; signs the `json` format. */
  readonly signingSecret?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For tests. Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** Waits before the second, third, … try: doubled each time, jittered, as the original's 1 s, 2 s, 4 s. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A receiver may ask for this much patience within one delivery; for more we come back later. */
export const LONGEST_RETRY_AFTER_MS = 60_000;
/** Redirects followed, on the same host only: a secret URL's body goes nowhere else. */
const MAX_REDIRECTS = 3;

type Try =
  | { readonly result: "delivered" }
  | { readonly result: "rejected"; readonly status: number }
  | { readonly result: "again"; readonly reason: string; readonly retryAfterMs?: number };

export class Webhook implements WebhookWay {
  readonly #url: URL;
  readonly #format: WebhookFormat;
  readonly #fetch: typeof fetch;

  /** @throws {TypeError} when the URL is none (without quoting it) */
  constructor(private readonly options: WebhookOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
    if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
      throw new TypeError("webhook URL: neither http nor https");
    }
    this.#url = url;
    this.#format = formatFor(url, options.format);
    this.#fetch = options.fetch ?? fetch;
  }

  async deliver(notice: WebhookNotice, signal: AbortSignal): Promise<WebhookResult> {
    const { clock, log, random, tries } = this.options;
    const body = makeBody(this.#format, notice);
    const host = this.#url.host;
    let last: Try & { result: "again" } = { result: "again", reason: "aborted" };
    for (let attempt = 1; attempt <= Math.max(1, tries) && !signal.aborted; attempt++) {
      const outcome = await this.#tryOnce(notice, body, signal);
      if (outcome.result === "delivered") {
        log.debug("webhook delivered", { host, cause: notice.cause, attempt });
        return outcome;
      }
      if (outcome.result === "rejected") {
        log.error("webhook rejected: check WEBHOOK_URL and WEBHOOK_FORMAT", { host, status: outcome.status });
        return outcome;
      }
      last = outcome;
      log.warn("webhook attempt failed", { host, attempt, reason: outcome.reason });
      if ((outcome.retryAfterMs ?? 0) > LONGEST_RETRY_AFTER_MS) break;
      if (attempt < tries) await clock.sleepMs(outcome.retryAfterMs ?? waitMs(attempt, random), signal);
    }
    return {
      result: "failed",
      reason: last.reason,
      ...(last.retryAfterMs === undefined ? {} : { retryAfterMs: last.retryAfterMs }),
    };
  }

  async #tryOnce(notice: WebhookNotice, body: string, signal: AbortSignal): Promise<Try> {
    const { clock, timeoutMs } = this.options;
    const over = new AbortController();
    const done = new AbortController();
    const deadline = clock.sleepMs(timeoutMs, done.signal).then(() => {
      if (!done.signal.aborted) over.abort();
    });
    try {
      return await this.#post(notice, body, AbortSignal.any([over.signal, signal]));
    } catch (error) {
      if (signal.aborted) return { result: "again", reason: "aborted" };
      if (over.signal.aborted) return { result: "again", reason: "timeout" };
      return { result: "again", reason: networkFailure(error) };
    } finally {
      done.abort();
      await deadline;
    }
  }

  async #post(notice: WebhookNotice, body: string, signal: AbortSignal): Promise<Try> {
    let url = this.#url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...await this.#signature(notice, body) },
        body,
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      const location = response.headers.get("location");
      if (![301, 302, 307, 308].includes(response.status) || location === null) return this.#judge(response);
      const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (next === undefined || next.host !== url.host || next.protocol !== url.protocol) {
        return { result: "rejected", status: response.status };
      }
      url = next;
    }
    return { result: "rejected", status: 310 };
  }

  #judge(response: Response): Try {
    if (response.ok) return { result: "delivered" };
    const { status } = response;
    // 408 and 425 ask for another try in so many words.
    if (status < 500 && ![408, 425, 429].includes(status)) return { result: "rejected", status };
    const asked = status === 429 || status === 503
      ? retryAfterMs(response.headers.get("retry-after"), this.options.clock.nowMs())
      : undefined;
    return { result: "again", reason: `http_${status}`, ...(asked === undefined ? {} : { retryAfterMs: asked }) };
  }

  /** Standard Webhooks (specification 1.0, "Signature scheme"): `id.timestamp.body`, HMAC-SHA256, base64, `v1,`. */
  async #signature(notice: WebhookNotice, body: string): Promise<Record<string, string>> {
    const { signingSecret, clock } = this.options;
    if (this.#format !== "json" || signingSecret === undefined) return {};
    const timestamp = String(Math.floor(clock.nowMs() / 1000));
    const key = await crypto.subtle.importKey(
      "raw",
      secretBytes(signingSecret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      [
        "sign",
      ],
    );
    const signed = new TextEncoder().encode(`${notice.alertId}.${timestamp}.${body}`);
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
    return {
      "webhook-id": notice.alertId,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${btoa(String.fromCharCode(...mac))}`,
    };
  }
}

/** `whsec_` and base64 as the specification has it; any other text is taken as it is. */
function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith("whsec_")) return new TextEncoder().encode(secret);
  return Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0));
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3) as milliseconds from now; `undefined` when it is neither. */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  // Discord writes fractions.
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const at = /^[A-Za-z]/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function waitMs(attempt: number, random: Random): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(wait * (0.5 + random.fraction()));
}

/** Parts of what Deno says when a request fails, with a code for each. */
const NETWORK_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/\bdns error\b/, "name_not_found"],
  [/\bConnection refused\b/, "connection_refused"],
  [/\b(Network|Host) is unreachable\b|\bNo route to host\b/, "unreachable"],
  [/\b(certificate|invalid peer|tls|handshake)\b/i, "tls"],
  [/\b(connection (was )?(reset|closed)|Connection reset|broken pipe|IncompleteMessage)\b/i, "connection_lost"],
];

/** Why a request failed, as a code. The text of such an error quotes the address, which is a secret. */
export function networkFailure(error: unknown): string {
  // Deno 2.9 says why in the error's cause, 2.7 in the error itself.
  const text = error instanceof TypeError
    ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`
    : "";
  return NETWORK_FAILURES.find(([pattern]) => pattern.test(text))?.[1] ?? describeError(error);
}
