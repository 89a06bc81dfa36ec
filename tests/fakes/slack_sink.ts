/**
 * An own program that takes Slack's incoming webhooks as strictly as the real one: 400 `invalid_payload`, 200 `ok`.
 *
 * Prints `listening URL`, then a JSON line per delivery. The script is an argument: see `slack_discord_sink.ts`.
 *
 * @module
 */
import { serveSink } from "./slack_discord_sink.ts";

serveSink((value) => {
  const known = ["text", "attachments", "blocks", "username", "icon_emoji", "channel"];
  const valid = Object.keys(value).every((key) => known.includes(key)) && typeof value.text === "string" &&
    value.text !== "" && (value.attachments === undefined || attachmentsValid(value.attachments));
  return valid ? new Response("ok") : new Response("invalid_payload", { status: 400 });
});

function attachmentsValid(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 100 &&
    value.every((one) =>
      /^#[0-9a-f]{6}$/.test(one.color) && Array.isArray(one.fields) &&
      one.fields.every((field: Record<string, unknown>) =>
        typeof field.title === "string" && typeof field.value === "string" && typeof field.short === "boolean"
      )
    );
}
