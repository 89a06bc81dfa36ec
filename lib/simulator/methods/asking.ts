/**
 * The commands that ask for or change what signal-cli keeps of an account (facts: signal.md §1.3, §3.3, §7).
 *
 * @module
 */
import { CAPTCHA_REJECTED, INTERNAL_ERROR, IO_ERROR, RpcFailure, USER_ERROR } from "../failure.ts";
import type { Command } from "../manager.ts";

const getUserStatus: Command = ({ world, recipients }, parameters) => {
  if (world.state.directoryError || world.state.offline) {
    throw new RpcFailure(IO_ERROR, "Unable to check if users are registered");
  }
  return parameters.texts("recipient").map((recipient) => {
    const target = recipients.resolveNumber(recipient);
    const uuid = target.kind === "person"
      ? target.person.uuid
      : target.kind === "self"
      ? recipients.account.uuid
      : null;
    return { recipient, number: recipient, uuid, isRegistered: uuid !== null };
  });
};

const listGroups: Command = ({ world, recipients }, parameters) => {
  const only = parameters.texts("group-id");
  return world.state.groups.filter((group) => only.length === 0 || only.includes(group.id)).map((group) => {
    const member = (id: string) => {
      const person = recipients.byUuid(id) ?? recipients.byNumber(id);
      return { number: person ? recipients.knownNumber(person) : null, uuid: person?.uuid ?? id };
    };
    return {
      id: group.id,
      name: group.name,
      description: "",
      isMember: group.isMember,
      isBlocked: false,
      messageExpirationTime: 0,
      members: group.members.map((id) => ({ ...member(id), isAdmin: group.admins.includes(id) })),
      pendingMembers: [],
      requestingMembers: [],
      admins: group.admins.map(member),
      banned: [],
      permissionAddMember: "EVERY_MEMBER",
      permissionEditDetails: "EVERY_MEMBER",
      permissionSendMessage: group.announcementOnly ? "ONLY_ADMINS" : "EVERY_MEMBER",
      groupInviteLink: null,
    };
  });
};

const listIdentities: Command = ({ world, recipients, number }, parameters) => {
  const only = parameters.text("number");
  const known = world.memory(number).keys;
  return world.state.people
    .filter((person) =>
      known[person.uuid] !== undefined && (only === undefined || only === person.number || only === person.uuid)
    )
    .map((person) => ({
      number: recipients.knownNumber(person),
      uuid: person.uuid,
      fingerprint: [...person.key].map((char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join(" "),
      safetyNumber: recipients.safetyNumber(person),
      scannableSafetyNumber: null,
      trustLevel: known[person.uuid] === person.key ? "TRUSTED_UNVERIFIED" : "UNTRUSTED",
      addedTimestamp: 0,
    }));
};

const trust: Command = (manager, parameters) => {
  const recipient = parameters.text("recipient");
  if (recipient === undefined) throw new RpcFailure(INTERNAL_ERROR, "value is null (NullPointerException)");
  const { recipients } = manager;
  const target = recipients.resolve(recipient);
  const stated = parameters.text("verified-safety-number")?.replaceAll(" ", "");
  const right = target.kind === "person" &&
    (parameters.flag("trust-all-known-keys") || stated === recipients.safetyNumber(target.person).replaceAll(" ", ""));
  if (!right) {
    throw new RpcFailure(
      USER_ERROR,
      "Failed to set the trust for this recipient, make sure the safety number is correct",
    );
  }
  recipients.trust(target.person);
  manager.receiver.retryCached();
  return {};
};

const submitRateLimitChallenge: Command = ({ world, recipients, number }, parameters) => {
  const [token, captcha] = [parameters.text("challenge"), parameters.text("captcha")];
  if (token === undefined || captcha === undefined) {
    throw new RpcFailure(INTERNAL_ERROR, "value is null (NullPointerException)");
  }
  if (world.state.offline) throw new RpcFailure(IO_ERROR, "Submit challenge error: no connection");
  const { challenge } = recipients.account;
  const bare = (link: string) => link.replace(/^signalcaptcha:\/\//, "");
  if (!challenge || challenge.token !== token || bare(challenge.captcha) !== bare(captcha)) {
    throw new RpcFailure(
      CAPTCHA_REJECTED,
      "Captcha rejected, it may be outdated, already used or solved from a different IP address.",
    );
  }
  world.remember(number, { solved: [token] });
  return {};
};

const version: Command = ({ world }) => ({ version: world.state.version });

export const ASKING: Readonly<Record<string, Command>> = {
  getUserStatus,
  listGroups,
  listIdentities,
  trust,
  submitRateLimitChallenge,
  version,
};
