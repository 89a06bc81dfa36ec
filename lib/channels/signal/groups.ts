/**
 * The groups of an account (facts: signal.md §7.3).
 *
 * @module
 */
import { type Address, isPhoneNumber, isServiceId, makeAci, makeTel } from "../../domain/address.ts";
import { ChannelUnavailable } from "../../domain/errors.ts";
import type { RpcClient } from "./rpc.ts";
import { RpcError, RpcUnanswered } from "./rpc_errors.ts";

/** How long signal-cli may take to list them, milliseconds: it asks the server where it does not know. */
const LIST_TIMEOUT_MS = 60_000;

/** A group as signal-cli lists it. */
export interface SignalGroup {
  /** Base64, as in `SIGNAL_GROUP_ID`. */
  readonly id: string;
  /** "" when it has none. Chosen by people: never an identity. */
  readonly name: string;
  /** False: it was left. */
  readonly isMember: boolean;
  readonly members: number;
  /** Of each member every address that signal-cli knows: service id, number, or both. */
  readonly memberAddresses: readonly Address[];
  /** Only admins may write. */
  readonly announcementOnly: boolean;
}

/** The groups of the account, those that were left included. @throws {ChannelUnavailable} when there is no answer */
export async function listGroups(rpc: RpcClient): Promise<readonly SignalGroup[]> {
  let answer: unknown;
  try {
    answer = await rpc.request("listGroups", {}, { timeoutMs: LIST_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof RpcError || error instanceof RpcUnanswered)) throw error;
    throw new ChannelUnavailable("no_answer", "signal-cli did not list the groups.", { cause: error });
  }
  return (Array.isArray(answer) ? answer : []).flatMap(readGroup);
}

function readGroup(entry: unknown): SignalGroup[] {
  const { id, name, isMember, members, permissionSendMessage } = (entry ?? {}) as Record<string, unknown>;
  if (typeof id !== "string") return [];
  return [{
    id,
    name: typeof name === "string" ? name : "",
    isMember: isMember === true,
    members: Array.isArray(members) ? members.length : 0,
    memberAddresses: Array.isArray(members) ? members.flatMap(addressesOf) : [],
    announcementOnly: permissionSendMessage === "ONLY_ADMINS",
  }];
}

function addressesOf(member: unknown): Address[] {
  const { uuid, number } = (member ?? {}) as Record<string, unknown>;
  return [
    ...(typeof uuid === "string" && isServiceId(uuid.toLowerCase()) ? [makeAci(uuid)] : []),
    ...(typeof number === "string" && isPhoneNumber(number) ? [makeTel(number)] : []),
  ];
}
