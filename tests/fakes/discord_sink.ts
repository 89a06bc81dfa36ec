/**
 * An own program that takes Discord's webhooks as strictly as the real one: content or embeds, lengths, 204 without a body.
 *
 * Prints `listening URL`, then a JSON line per delivery. The script is an argument: see `slack_discord_sink.ts`.
 *
 * @module
 */
import { serveSink } from "./slack_discord_sink.ts";

serveSink((value) => {
  const embeds = value.embeds ?? [];
  const valid = (value.content === undefined || lengthWithin(value.content, 1, 2000)) && Array.isArray(embeds) &&
    embeds.length <= 10 && (value.content !== undefined || embeds.length > 0) && embeds.every(embedValid);
  return valid
    ? new Response(null, { status: 204 })
    : Response.json({ message: "Invalid Form Body", code: 50035 }, { status: 400 });
});

function embedValid(embed: Record<string, unknown>): boolean {
  const fields = embed.fields ?? [];
  return Number.isInteger(embed.color) && !Number.isNaN(Date.parse(String(embed.timestamp))) &&
    Array.isArray(fields) && fields.length <= 25 &&
    fields.every((field) => lengthWithin(field.name, 1, 256) && lengthWithin(field.value, 1, 1024)) &&
    fields.reduce((sum, field) => sum + field.name.length + field.value.length, 0) <= 6000;
}

function lengthWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === "string" && value.length >= min && value.length <= max;
}
