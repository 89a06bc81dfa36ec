/**
 * Bodies of the webhook, by format. The Slack-style one is the original's, name by name: people's receivers read it.
 *
 * @module
 */
import type { Severity } from "../runtime/alarm.ts";
import type { WebhookNotice } from "./port.ts";

export type WebhookFormat = "slack" | "discord" | "json";

/** The original's colours. */
const COLOURS: Readonly<Record<Severity, string>> = {
  info: "#36a64f",
  warning: "#ff9500",
  error: "#ff0000",
  critical: "#8b0000",
};
const TITLE = "🤖 Signal Automation Alert";

/** Discord's limits, in characters (Discord API reference, "Create Message" and "Embed Limits"). */
export const DISCORD_CONTENT_MAX = 2000;
export const DISCORD_FIELD_MAX = 1024;
const DISCORD_HOSTS = /^(?:[a-z0-9-]+\.)*(?:discord\.com|discordapp\.com)$/;

/** WEBHOOK_FORMAT `auto`: Discord by its host, else the original body. Discord's own `/slack` path takes that one too. */
export function formatFor(url: URL, setting: WebhookFormat | "auto"): WebhookFormat {
  if (setting !== "auto") return setting;
  return DISCORD_HOSTS.test(url.hostname) && !url.pathname.endsWith("/slack") ? "discord" : "slack";
}

/** The body as text, ready to sign and send. */
export function makeBody(format: WebhookFormat, notice: WebhookNotice): string {
  switch (format) {
    case "slack":
      return JSON.stringify(slackBody(notice));
    case "discord":
      return JSON.stringify(discordBody(notice));
    case "json":
      return JSON.stringify({
        type: "alert",
        timestamp: new Date(notice.atMs).toISOString(),
        data: { id: notice.alertId, cause: notice.cause, severity: notice.severity, message: notice.text },
      });
  }
}

function fields(notice: WebhookNotice) {
  return [
    ["Alert Type", notice.severity.toUpperCase(), true],
    ["Message", notice.text, false],
    ["Timestamp", `${new Date(notice.atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`, true],
  ] as const;
}

function slackBody(notice: WebhookNotice) {
  return {
    text: TITLE,
    attachments: [{
      color: COLOURS[notice.severity],
      fields: fields(notice).map(([title, value, short]) => ({ title, value, short })),
    }],
  };
}

function discordBody(notice: WebhookNotice) {
  return {
    content: cut(`${TITLE}\n${notice.text}`, DISCORD_CONTENT_MAX),
    embeds: [{
      color: Number.parseInt(COLOURS[notice.severity].slice(1), 16),
      timestamp: new Date(notice.atMs).toISOString(),
      fields: fields(notice).map(([name, value, inline]) => ({ name, value: cut(value, DISCORD_FIELD_MAX), inline })),
    }],
    // A name in an alert must not ring anybody's phone.
    allowed_mentions: { parse: [] },
  };
}

/** At most `max` UTF-16 units (stricter than code points, whichever the receiver counts), no half of a surrogate pair. */
function cut(text: string, max: number): string {
  if (text === "") return "\u2014";
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
