import assert from "node:assert/strict";
import { networkFailure, retryAfterMs, Webhook, type WebhookOptions } from "../../lib/alerts/webhook.ts";
import { DISCORD_CONTENT_MAX, formatFor } from "../../lib/alerts/webhook_body.ts";
import type { WebhookNotice } from "../../lib/alerts/port.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { ManualClock, RecordingLog } from "../support/recording.ts";
import { startSink } from "../support/webhook_sink.ts";

const AT_MS = Date.UTC(2026, 0, 15, 12, 34, 56);
const NOTICE: WebhookNotice = { alertId: "alert_1", cause: "a", severity: "error", text: "it broke", atMs: AT_MS };
const NEVER = new AbortController().signal;

/** Of a request. Anything that is there answers sooner, on any machine. */
const TIMEOUT_MS = 30_000;

function make(url: string, options: Partial<WebhookOptions> = {}) {
  const log = new RecordingLog();
  const webhook = new Webhook({
    url,
    timeoutMs: TIMEOUT_MS,
    tries: 3,
    format: "auto",
    // Waits are over at once; deadlines run in real time.
    clock: {
      ...systemClock,
      sleepMs: (ms, signal) => ms === TIMEOUT_MS ? systemClock.sleepMs(ms, signal) : Promise.resolve(),
    },
    random: { fraction: () => 0.5, bytes: () => {} },
    log,
    ...options,
  });
  return { webhook, log };
}

Deno.test("Slack takes the body, whose names and colours are the original's", async () => {
  await using sink = await startSink("slack", "500,ok");
  const { webhook, log } = make(sink.url);
  assert.deepEqual(await webhook.deliver(NOTICE, NEVER), { result: "delivered" });
  const delivery = await sink.deliveries.waitFor((one) => one.status === 200);
  assert.deepEqual(JSON.parse(delivery.body), {
    text: "🤖 Signal Automation Alert",
    attachments: [{
      color: "#ff0000",
      fields: [
        { title: "Alert Type", value: "ERROR", short: true },
        { title: "Message", value: "it broke", short: false },
        { title: "Timestamp", value: "2026-01-15 12:34:56 UTC", short: true },
      ],
    }],
  });
  assert.equal(log.text().includes("hook-secret"), false);
});

Deno.test("Discord takes the body at its longest and answers 204, which is success", async () => {
  await using sink = await startSink("discord");
  const { webhook } = make(sink.url, { format: "discord" });
  const result = await webhook.deliver({ ...NOTICE, text: "😀".repeat(3_000) }, NEVER);
  assert.deepEqual(result, { result: "delivered" });
  const { body, status } = await sink.deliveries.waitFor(() => true);
  assert.equal(status, 204);
  assert.ok(JSON.parse(body).content.length <= DISCORD_CONTENT_MAX);
});

Deno.test("a 429 is waited out for as long as Retry-After says, within bounds", async () => {
  await using sink = await startSink("discord", "429:7,ok");
  const waits: number[] = [];
  const clock = {
    ...systemClock,
    sleepMs: (ms: number, signal?: AbortSignal) => {
      if (ms === TIMEOUT_MS) return systemClock.sleepMs(ms, signal);
      waits.push(ms);
      return Promise.resolve();
    },
  };
  const { webhook } = make(sink.url, { format: "discord", clock });
  assert.deepEqual(await webhook.deliver(NOTICE, NEVER), { result: "delivered" });
  assert.deepEqual(waits, [7_000]);

  await using long = await startSink("discord", "429:3600,ok");
  const result = await make(long.url, { format: "discord" }).webhook.deliver(NOTICE, NEVER);
  assert.deepEqual(result, { result: "failed", reason: "http_429", retryAfterMs: 3_600_000 });
});

Deno.test("a 4xx is not tried again: the setting is wrong", async () => {
  await using sink = await startSink("slack", "404,ok");
  assert.deepEqual(await make(sink.url).webhook.deliver(NOTICE, NEVER), { result: "rejected", status: 404 });
});

Deno.test("a receiver that never answers ends at the deadline, a refused connection at once", async () => {
  await using sink = await startSink("slack", "hang");
  const { webhook, log } = make(sink.url, {
    tries: 1,
    clock: { ...systemClock, sleepMs: (_ms, signal) => systemClock.sleepMs(200, signal) },
  });
  assert.deepEqual(await webhook.deliver(NOTICE, NEVER), { result: "failed", reason: "timeout" });
  const refused = make("http://127.0.0.1:9/services/hook-secret", { tries: 2 });
  assert.equal((await refused.webhook.deliver(NOTICE, NEVER)).result, "failed");
  assert.equal((log.text() + refused.log.text()).includes("hook-secret"), false);
});

Deno.test("a redirect to another host is not followed", async () => {
  const seen: string[] = [];
  const answer = (input: unknown) => {
    seen.push(String(input));
    return Promise.resolve(new Response(null, { status: 307, headers: { location: "https://evil.example/x" } }));
  };
  const { webhook } = make("https://hooks.example/secret", { fetch: answer as typeof fetch });
  assert.deepEqual(await webhook.deliver(NOTICE, NEVER), { result: "rejected", status: 307 });
  assert.deepEqual(seen, ["https://hooks.example/secret"]);
});

Deno.test("the json format is signed by Standard Webhooks", async () => {
  let request: Request | undefined;
  const answer = (input: URL, init: RequestInit) => {
    request = new Request(input, init);
    return Promise.resolve(new Response(null, { status: 202 }));
  };
  const key = new Uint8Array(24).fill(7);
  const { webhook } = make("https://hooks.example/secret", {
    format: "json",
    signingSecret: `whsec_${btoa(String.fromCharCode(...key))}`,
    clock: new ManualClock(AT_MS),
    fetch: answer as unknown as typeof fetch,
  });
  assert.deepEqual(await webhook.deliver(NOTICE, NEVER), { result: "delivered" });
  const body = await request!.text();
  assert.equal(request!.headers.get("webhook-id"), "alert_1");
  const timestamp = request!.headers.get("webhook-timestamp");
  assert.equal(timestamp, String(AT_MS / 1000));
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const mac = Uint8Array.from(atob(request!.headers.get("webhook-signature")!.slice(3)), (c) => c.charCodeAt(0));
  const signed = new TextEncoder().encode(`alert_1.${timestamp}.${body}`);
  assert.ok(await crypto.subtle.verify("HMAC", hmac, mac, signed));
  assert.equal(JSON.parse(body).data.message, "it broke");
});

Deno.test("`formatFor` knows Discord by its hosts only", () => {
  const format = (url: string) => formatFor(new URL(url), "auto");
  assert.equal(format("https://discord.com/api/webhooks/1/x"), "discord");
  assert.equal(format("https://ptb.discord.com/api/webhooks/1/x"), "discord");
  assert.equal(format("https://discordapp.com/api/webhooks/1/x"), "discord");
  assert.equal(format("https://discord.com/api/webhooks/1/x/slack"), "slack");
  assert.equal(format("https://notdiscord.com/x"), "slack");
});

Deno.test("`retryAfterMs` reads seconds, fractions and dates", () => {
  assert.equal(retryAfterMs("3", 0), 3_000);
  assert.equal(retryAfterMs("0.25", 0), 250);
  assert.equal(retryAfterMs(new Date(AT_MS + 5_000).toUTCString(), AT_MS), 5_000);
  assert.equal(retryAfterMs("soon", 0), undefined);
  assert.equal(retryAfterMs(null, 0), undefined);
});

Deno.test("`networkFailure` says why nobody answers, and never quotes the address", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const failureOf = async (url: string) => {
    try {
      await (await fetch(url)).body?.cancel();
      return "answered";
    } catch (error) {
      return networkFailure(error);
    }
  };
  assert.equal(await failureOf(`http://127.0.0.1:${port}/secret`), "connection_refused");
  assert.equal(await failureOf("https://no-such-host.invalid/secret"), "name_not_found");
  assert.equal(networkFailure(new TypeError("something new about https://hooks.example/secret")), "TypeError");
});
