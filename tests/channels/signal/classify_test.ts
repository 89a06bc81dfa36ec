import assert from "node:assert/strict";
import { classifyError, classifyResult, classifyUnanswered } from "../../../lib/channels/signal/classify.ts";
import { RpcError, RpcUnanswered } from "../../../lib/channels/signal/rpc_errors.ts";
import type { SendOutcome } from "../../../lib/domain/message.ts";

const uuid = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f";
const ADA = { uuid, number: null, username: null };
const BEN = { uuid: null, number: "+15550100008", username: null };
type Entry = { type: string; [key: string]: unknown };
const entry = (type: string, more: object = {}): Entry => ({ recipientAddress: ADA, type, ...more });
const response = (...results: Entry[]) => ({ timestamp: 1784000002000, results });
const failed = (code: number, ...results: Entry[]) =>
  new RpcError("send", code, "Failed", { response: response(...results) });
const bare = (code: number, message = "Failed") => new RpcError("send", code, message, undefined);
const remoteId = "1784000002000";

const errors: readonly [string, RpcError, "person" | "group", SendOutcome][] = [
  ["network failure", failed(-1, entry("NETWORK_FAILURE")), "person", {
    outcome: "paused",
    reason: "network",
    remoteId,
  }],
  ["-3", bare(-3), "person", { outcome: "paused", reason: "network" }],
  ["unregistered", failed(-1, entry("UNREGISTERED_FAILURE")), "person", {
    outcome: "retry",
    reason: "unregistered",
    remoteId,
  }],
  ["identity", failed(-4, entry("IDENTITY_FAILURE")), "person", {
    outcome: "retry",
    reason: "identity_changed",
    remoteId,
  }],
  ["identity without data", bare(-4), "person", { outcome: "retry", reason: "identity_changed" }],
  ["pre-key", failed(-1, entry("INVALID_PRE_KEY_FAILURE")), "person", {
    outcome: "retry",
    reason: "pre_key",
    remoteId,
  }],
  ["plain limit", failed(-5, entry("RATE_LIMIT_FAILURE", { retryAfterSeconds: 90 })), "person", {
    outcome: "paused",
    reason: "rate_limited",
    retryAfterMs: 90_000,
    remoteId,
  }],
  ["limit beyond every date", failed(-5, entry("RATE_LIMIT_FAILURE", { retryAfterSeconds: 2 ** 53 })), "person", {
    outcome: "paused",
    reason: "rate_limited",
    retryAfterMs: 30 * 24 * 60 * 60 * 1000,
    remoteId,
  }],
  ["limit without time", failed(-5, entry("RATE_LIMIT_FAILURE")), "person", {
    outcome: "paused",
    reason: "rate_limited",
    remoteId,
  }],
  [
    "proof required",
    failed(-5, entry("RATE_LIMIT_FAILURE", { token: "c0ffee-token", retryAfterSeconds: 3600 })),
    "person",
    { outcome: "paused", reason: "proof_required", challenge: "c0ffee-token", retryAfterMs: 3_600_000, remoteId },
  ],
  ["limit without data", bare(-5), "person", { outcome: "paused", reason: "rate_limited" }],
  ["bad id or empty text", bare(-1), "person", { outcome: "refused", reason: "invalid_message" }],
  ["group unknown, left or closed", bare(-1), "group", { outcome: "refused", reason: "group_refused" }],
  ["internal error", bare(-32603, "boom (NullPointerException)"), "person", {
    outcome: "paused",
    reason: "channel_error",
  }],
  ["internal error that is a limit", bare(-32603, "x (RateLimitException)"), "group", {
    outcome: "paused",
    reason: "rate_limited",
  }],
  ["internal error that is a proof", bare(-32603, "x (ProofRequiredException)"), "group", {
    outcome: "paused",
    reason: "proof_required",
  }],
  ["internal error that is the network", bare(-32603, "x (IOException)"), "person", {
    outcome: "paused",
    reason: "network",
  }],
  ["account problem", bare(-32602), "person", { outcome: "paused", reason: "account_refused" }],
  ["request not understood", bare(-32600), "person", { outcome: "paused", reason: "channel_error" }],
  ["unknown code", bare(-77), "person", { outcome: "paused", reason: "channel_error" }],
  [
    "group, network and unregistered members",
    failed(-1, entry("UNREGISTERED_FAILURE"), entry("NETWORK_FAILURE")),
    "group",
    { outcome: "paused", reason: "network", remoteId },
  ],
  [
    "group, limit among others: the longest wait",
    failed(
      -1,
      entry("UNREGISTERED_FAILURE"),
      entry("RATE_LIMIT_FAILURE", { retryAfterSeconds: 5 }),
      entry("RATE_LIMIT_FAILURE", { retryAfterSeconds: 7 }),
    ),
    "group",
    { outcome: "paused", reason: "rate_limited", retryAfterMs: 7_000, remoteId },
  ],
  ["group, mixed message faults", failed(-1, entry("UNREGISTERED_FAILURE"), entry("IDENTITY_FAILURE")), "group", {
    outcome: "retry",
    reason: "all_failed",
    remoteId,
  }],
  ["a result type of the future", failed(-1, entry("MOON_FAILURE")), "person", {
    outcome: "retry",
    reason: "all_failed",
    remoteId,
  }],
  ["data of an unexpected form", new RpcError("send", -1, "", { response: [1] }), "person", {
    outcome: "refused",
    reason: "invalid_message",
  }],
];

for (const [name, error, kind, expected] of errors) {
  Deno.test(`an error answer is classified: ${name}`, () => assert.deepEqual(classifyError(error, kind), expected));
}

Deno.test("a result is accepted under its timestamp, also a group of one and an answer without results", () => {
  const accepted = { outcome: "accepted", remoteId };
  assert.deepEqual(classifyResult(response(entry("SUCCESS"))), accepted);
  assert.deepEqual(classifyResult(response()), accepted);
  assert.deepEqual(classifyResult({ timestamp: 1784000002000 }), accepted);
  assert.deepEqual(classifyResult({}), { outcome: "accepted", remoteId: "" });
});

Deno.test("a group that one member got is accepted, and the others are listed with their reasons", () => {
  const result = response(
    entry("SUCCESS"),
    { recipientAddress: BEN, type: "UNREGISTERED_FAILURE" },
    { recipientAddress: { uuid: null, number: null, username: "x.01" }, type: "MOON_FAILURE" },
  );
  assert.deepEqual(classifyResult(result), {
    outcome: "accepted",
    remoteId,
    failedMembers: [
      { address: "signal:tel:+15550100008", reason: "unregistered" },
      { address: undefined, reason: "other" },
    ],
  });
});

Deno.test("no answer is unknown once the request left, and costs nothing before", () => {
  const of = (why: RpcUnanswered["why"], written: boolean) =>
    classifyUnanswered(new RpcUnanswered("send", why, written));
  assert.deepEqual(of("deadline", true), { outcome: "unknown", reason: "no_answer" });
  assert.deepEqual(of("disconnected", true), { outcome: "unknown", reason: "disconnected" });
  assert.deepEqual(of("aborted", true), { outcome: "unknown", reason: "aborted" });
  assert.deepEqual(of("deadline", false), { outcome: "paused", reason: "channel_down" });
  assert.deepEqual(of("disconnected", false), { outcome: "paused", reason: "channel_down" });
  assert.deepEqual(of("aborted", false), { outcome: "paused", reason: "shutdown" });
});
