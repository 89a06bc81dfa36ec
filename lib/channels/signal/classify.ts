/**
 * What signal-cli's answer to `send` means (facts: signal.md §4.5, §7.4). Codes and result types decide; a text is
 * looked at only for -32603, where the class name at its end is all there is.
 *
 * @module
 */
import { isPhoneNumber, isServiceId, makeAci, makeTel } from "../../domain/address.ts";
import type { FailedMember, SendOutcome } from "../../domain/message.ts";
import type { RpcError, RpcUnanswered } from "./rpc_errors.ts";

/** A longer wait than a month is a mistake of the other side: its end need not even be a date. */
const LONGEST_WAIT_SECONDS = 30 * 24 * 60 * 60;

/** Whether the request named a person or a group: signal-cli's "user error" means different things for them. */
export type RecipientKind = "person" | "group";

type ResultType =
  | "SUCCESS"
  | "RATE_LIMIT_FAILURE"
  | "NETWORK_FAILURE"
  | "UNREGISTERED_FAILURE"
  | "INVALID_PRE_KEY_FAILURE"
  | "IDENTITY_FAILURE";

interface Result {
  readonly type: string;
  readonly address: FailedMember["address"];
  readonly token: string | undefined;
  readonly retryAfterMs: number | undefined;
}

interface Answer {
  readonly remoteId: string | undefined;
  readonly results: readonly Result[];
}

/** The `result` of an answered `send`: it went to one recipient at least. */
export function classifyResult(result: unknown): SendOutcome {
  const answer = readAnswer(result);
  const failed = answer.results.filter((entry) => entry.type !== "SUCCESS");
  // No results is a group of one, or an old signal-cli: both mean success.
  if (answer.results.length > 0 && failed.length === answer.results.length) return classifyFailures(answer);
  return {
    outcome: "accepted",
    remoteId: answer.remoteId ?? "",
    ...(failed.length > 0 &&
      { failedMembers: failed.map(({ address, type }) => ({ address, reason: reasonOf(type) })) }),
  };
}

/** An error answer to `send`. */
export function classifyError(error: RpcError, kind: RecipientKind): SendOutcome {
  const response = member(error.data, "response");
  if (response !== undefined) {
    const answer = readAnswer(response);
    if (answer.results.length > 0) {
      return answer.results.some((entry) => entry.type === "SUCCESS")
        ? classifyResult(response)
        : classifyFailures(answer);
    }
  }
  switch (error.code) {
    case -1:
      // Without results nothing was tried: the request itself was refused. For a person that is a bad id or an empty
      // text, for a group an unknown one, one that we left, or one where only admins write.
      return { outcome: "refused", reason: kind === "group" ? "group_refused" : "invalid_message" };
    case -3:
      return { outcome: "paused", reason: "network" };
    case -4:
      return { outcome: "retry", reason: "identity_changed" };
    case -5:
      return { outcome: "paused", reason: "rate_limited" };
    case -32602:
      return { outcome: "paused", reason: "account_refused" };
    case -32603:
      return { outcome: "paused", reason: internalReason(error.remoteMessage) };
    default:
      // Protocol errors (-32700, -32600, -32601) and unknown codes concern how we talk to this signal-cli, not the
      // message: refusing would kill a whole queue after an upgrade. The outbox bounds how long it waits.
      return { outcome: "paused", reason: "channel_error" };
  }
}

/** No answer. Once written, a request may have arrived. */
export function classifyUnanswered(failure: RpcUnanswered): SendOutcome {
  if (failure.written) {
    const reason = { deadline: "no_answer", disconnected: "disconnected", aborted: "aborted" } as const;
    return { outcome: "unknown", reason: reason[failure.why] };
  }
  return { outcome: "paused", reason: failure.why === "aborted" ? "shutdown" : "channel_down" };
}

/** Nobody was reached. */
function classifyFailures(answer: Answer): SendOutcome {
  const { results } = answer;
  const id = answer.remoteId === undefined ? {} : { remoteId: answer.remoteId };
  const has = (type: ResultType) => results.some((entry) => entry.type === type);
  const all = (type: ResultType) => results.every((entry) => entry.type === type);
  // A channel fault among the failures decides: it is what passes, and the others are found again at the next try.
  // In groups that is the usual mix, since members known as unregistered are reported without being tried.
  if (has("RATE_LIMIT_FAILURE")) {
    const waits = results.map((entry) => entry.retryAfterMs).filter((wait) => wait !== undefined);
    const challenge = results.find((entry) => entry.token !== undefined)?.token;
    return {
      outcome: "paused",
      reason: challenge === undefined ? "rate_limited" : "proof_required",
      ...(waits.length > 0 && { retryAfterMs: Math.max(...waits) }),
      ...(challenge !== undefined && { challenge }),
      ...id,
    };
  }
  if (has("NETWORK_FAILURE")) return { outcome: "paused", reason: "network", ...id };
  if (all("IDENTITY_FAILURE")) return { outcome: "retry", reason: "identity_changed", ...id };
  if (all("UNREGISTERED_FAILURE")) return { outcome: "retry", reason: "unregistered", ...id };
  if (all("INVALID_PRE_KEY_FAILURE")) return { outcome: "retry", reason: "pre_key", ...id };
  return { outcome: "retry", reason: "all_failed", ...id };
}

/** In a group send a limit or a network failure can come as an internal error (facts: signal.md §7.1). */
function internalReason(message: string): "rate_limited" | "proof_required" | "network" | "channel_error" {
  const className = /\(([\w.$]+)\)\s*$/.exec(message)?.[1] ?? "";
  if (/ProofRequired/.test(className)) return "proof_required";
  if (/RateLimit/.test(className)) return "rate_limited";
  if (/(IO|Socket|Timeout|UnknownHost|Connect|PushNetwork)Exception$/.test(className)) return "network";
  return "channel_error";
}

const REASONS: Readonly<Record<string, string>> = {
  RATE_LIMIT_FAILURE: "rate_limited",
  NETWORK_FAILURE: "network",
  UNREGISTERED_FAILURE: "unregistered",
  INVALID_PRE_KEY_FAILURE: "pre_key",
  IDENTITY_FAILURE: "identity_changed",
} satisfies Partial<Record<ResultType, string>>;

function reasonOf(type: string): string {
  return Object.hasOwn(REASONS, type) ? REASONS[type]! : "other";
}

function readAnswer(value: unknown): Answer {
  const timestamp = member(value, "timestamp");
  const results = member(value, "results");
  return {
    remoteId: typeof timestamp === "number" && Number.isSafeInteger(timestamp) ? String(timestamp) : undefined,
    results: Array.isArray(results) ? results.map(readResult) : [],
  };
}

function readResult(value: unknown): Result {
  const type = member(value, "type");
  const token = member(value, "token");
  const seconds = member(value, "retryAfterSeconds");
  return {
    type: typeof type === "string" ? type : "",
    address: readAddress(member(value, "recipientAddress")),
    token: typeof token === "string" && token !== "" ? token : undefined,
    retryAfterMs: typeof seconds === "number" && seconds >= 0
      ? Math.min(seconds, LONGEST_WAIT_SECONDS) * 1000
      : undefined,
  };
}

function readAddress(value: unknown): FailedMember["address"] {
  const uuid = member(value, "uuid");
  if (typeof uuid === "string" && isServiceId(uuid.toLowerCase())) return makeAci(uuid);
  const number = member(value, "number");
  return typeof number === "string" && isPhoneNumber(number) ? makeTel(number) : undefined;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
