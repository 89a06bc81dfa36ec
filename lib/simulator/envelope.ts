/**
 * From an entry of the server's queue to the line that signal-cli prints (facts: signal.md §3).
 *
 * @module
 */
import type { Recipients } from "./recipients.ts";
import type { Person } from "./state.ts";
import type { Inbound } from "./world.ts";

export interface ReceivedLine {
  readonly exception?: { readonly message: string | null; readonly type: string };
  readonly envelope: Readonly<Record<string, unknown>>;
  readonly account: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Who sent it, when it is somebody of this world. */
export function senderOf(item: Inbound, recipients: Recipients): Person | undefined {
  return typeof item.from !== "string" ? undefined : recipients.byUuid(item.from) ?? recipients.byNumber(item.from);
}

/** The line for an item; `exception` makes the payload disappear, as it could not be decrypted. */
export function renderLine(
  item: Inbound,
  recipients: Recipients,
  nowMs: number,
  exception?: { message: string | null; type: string },
): ReceivedLine {
  const { account } = recipients;
  const failed = exception ?? (item.exception as { message: string | null; type: string } | undefined);
  const raw = item.envelope as Fields | undefined;
  const timestamp = (item.timestamp as number | undefined) ?? nowMs;
  const envelope = raw ?? {
    ...source(item, recipients),
    timestamp,
    serverReceivedTimestamp: item.receivedAtMs ?? nowMs,
    serverDeliveredTimestamp: nowMs,
    ...(failed ? {} : payload(item, recipients, timestamp)),
  };
  return {
    ...(failed ? { exception: { message: failed.message ?? null, type: failed.type } } : {}),
    envelope,
    account: account.number,
  };
}

/** Facts, §3.3: `source` is the number when it is known, else the service id. */
function source(item: Inbound, recipients: Recipients): Fields {
  if (item.sync !== undefined) {
    const { number, uuid } = recipients.account;
    return { source: number, sourceNumber: number, sourceUuid: uuid, sourceName: null, sourceDevice: item.device ?? 2 };
  }
  if (typeof item.from !== "string") {
    return { source: null, sourceNumber: null, sourceUuid: null, sourceName: null, sourceDevice: null };
  }
  const person = senderOf(item, recipients);
  const number = person ? recipients.knownNumber(person) : item.from.startsWith("+") ? item.from : null;
  const uuid = person ? person.uuid : item.from.startsWith("+") ? null : item.from;
  return {
    source: number ?? uuid,
    sourceNumber: number,
    sourceUuid: uuid,
    sourceName: person ? person.name : null,
    sourceDevice: item.device ?? 1,
  };
}

function payload(item: Inbound, recipients: Recipients, timestamp: number): Fields {
  if (item.receipt !== undefined) {
    const { type, timestamps, when } = item.receipt as Fields;
    return {
      receiptMessage: {
        when: when ?? timestamp,
        isDelivery: type === "delivery",
        isRead: type === "read",
        isViewed: type === "viewed",
        timestamps,
      },
    };
  }
  if (item.typing !== undefined) {
    return {
      typingMessage: { action: item.typing, timestamp, ...(item.group === undefined ? {} : { groupId: item.group }) },
    };
  }
  if (item.edit !== undefined) {
    const { targetSentTimestamp, text } = item.edit as Fields;
    return { editMessage: { targetSentTimestamp, dataMessage: data({ ...item, text }, recipients, timestamp) } };
  }
  if (item.sync !== undefined) {
    const sync = item.sync as Fields;
    if (sync.sentMessage === undefined && sync.to === undefined && sync.group === undefined) {
      return { syncMessage: sync };
    }
    const to = typeof sync.to === "string" ? recipients.byUuid(sync.to) ?? recipients.byNumber(sync.to) : undefined;
    const number = to ? recipients.knownNumber(to) : null;
    const destination = {
      destination: to ? number ?? to.uuid : null,
      destinationNumber: number,
      destinationUuid: to?.uuid ?? null,
    };
    return { syncMessage: { sentMessage: { ...destination, ...data(sync, recipients, timestamp) } } };
  }
  if (item.text === undefined && item.data === undefined && item.group === undefined) return {};
  return { dataMessage: data(item, recipients, timestamp) };
}

/** Five fixed fields, everything else only when it is there. */
function data(item: Fields, recipients: Recipients, timestamp: number): Fields {
  return {
    timestamp,
    message: item.text ?? null,
    expiresInSeconds: 0,
    isExpirationUpdate: false,
    viewOnce: false,
    ...groupOf(item, recipients),
    ...(item.attachments === undefined ? {} : { attachments: (item.attachments as Fields[]).map(attachment) }),
    ...(item.data as Fields | undefined),
  };

  function attachment(it: Fields): Fields {
    const empty = {
      filename: null,
      id: null,
      size: null,
      width: null,
      height: null,
      caption: null,
      uploadTimestamp: null,
    };
    return { contentType: "application/octet-stream", ...empty, ...it };
  }
}

function groupOf(item: Fields, recipients: Recipients): Fields {
  if (typeof item.group !== "string") return {};
  const { group, revision } = item;
  return {
    groupInfo: { groupId: group, groupName: recipients.groupName(group), revision: revision ?? 0, type: "DELIVER" },
  };
}
