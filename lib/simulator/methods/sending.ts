/**
 * The commands that send something (facts: signal.md §1.3, §4.5).
 *
 * @module
 */
import { INTERNAL_ERROR, RpcFailure, USER_ERROR } from "../failure.ts";
import type { Command, Manager } from "../manager.ts";
import type { Parameters } from "../parameters.ts";
import type { Target } from "../recipients.ts";

function targets(
  manager: Manager,
  parameters: Parameters,
): { people: Target[]; groups: readonly string[]; notifySelf: boolean } {
  const { recipients } = manager;
  const people: Target[] = parameters.texts("recipient").map((each) => recipients.resolve(each));
  for (const username of parameters.texts("username")) people.push(recipients.resolveUsername(username));
  const notifySelf = parameters.flag("notify-self");
  if (parameters.flag("note-to-self") || notifySelf) people.push({ kind: "self" });
  return { people, groups: [...parameters.texts("group-id"), ...parameters.texts("group")], notifySelf };
}

const send: Command = (manager, parameters) => {
  const to = targets(manager, parameters);
  const message = parameters.text("message") ?? "";
  const attachments = parameters.texts("attachment");
  const sticker = parameters.text("sticker");
  const quote = parameters.number("quote-timestamp");
  if (to.people.length + to.groups.length === 0) throw new RpcFailure(USER_ERROR, "No recipients given");
  if (message === "" && attachments.length === 0 && sticker === undefined && quote === undefined) {
    throw new RpcFailure(
      USER_ERROR,
      "Sending empty message is not allowed, either a message or attachment must be given.",
    );
  }
  for (const attachment of attachments) {
    if (!attachment.startsWith("data:") && !manager.world.attachmentReadable(attachment)) {
      throw new RpcFailure(INTERNAL_ERROR, "Failed to add attachment (UnexpectedErrorException)");
    }
  }
  const edited = parameters.number("edit-timestamp");
  return manager.sender.send({
    ...to,
    method: "send",
    kind: edited === undefined ? "message" : "edit",
    body: message,
    ...(edited === undefined ? {} : { timestampName: "editTimestamp" }),
  });
};

const sendReaction: Command = (manager, parameters) => {
  required(parameters.text("target-author"));
  required(parameters.number("target-timestamp"));
  const body = required(parameters.text("emoji"));
  return manager.sender.send({ ...targets(manager, parameters), method: "sendReaction", kind: "reaction", body });
};

const sendReceipt: Command = (manager, parameters) => {
  const times = parameters.numbers("target-timestamp");
  if (times.length === 0) required(undefined);
  const type = parameters.text("type") ?? "read";
  if (type !== "read" && type !== "viewed") throw new RpcFailure(USER_ERROR, "Unknown receipt type");
  const people = [manager.recipients.resolve(required(parameters.text("recipient")))];
  const body = `${type} ${times.join(" ")}`;
  return manager.sender.send({ people, groups: [], notifySelf: false, method: "sendReceipt", kind: "receipt", body });
};

const sendTyping: Command = (manager, parameters) => {
  const body = parameters.flag("stop") ? "STOPPED" : "STARTED";
  return manager.sender.send({ ...targets(manager, parameters), method: "sendTyping", kind: "typing", body });
};

const remoteDelete: Command = (manager, parameters) => {
  const body = String(required(parameters.number("target-timestamp")));
  return manager.sender.send({ ...targets(manager, parameters), method: "remoteDelete", kind: "delete", body });
};

/** A missing parameter surfaces as a null error there: the parser's rules do not apply (facts: signal.md §4.2). */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new RpcFailure(INTERNAL_ERROR, "value is null (NullPointerException)");
  return value;
}

export const SENDING: Readonly<Record<string, Command>> = { send, sendReaction, sendReceipt, sendTyping, remoteDelete };
