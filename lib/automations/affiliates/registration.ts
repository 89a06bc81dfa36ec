/**
 * "Go" registers an affiliate: the row, the answer and the owner's notice in the transaction that finishes the message.
 *
 * @module
 */
import { type AccountId, type Address, parseAddress } from "../../domain/address.ts";
import type { Automation, InboundContext } from "../../domain/automation.ts";
import type { InboundEvent, Sender, TextMessage } from "../../domain/events.ts";
import type { MessageKind, OutgoingMessage } from "../../domain/message.ts";
import { mintToken } from "../../domain/token.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Random } from "../../runtime/random.ts";
import type { Affiliate, StoreTx } from "../../store/port.ts";
import { formatDate, formatTime, NOT_AVAILABLE } from "../../templates/format.ts";
import type { TemplateSet } from "../../templates/template_set.ts";
import { decideWriter, type Step } from "./decide.ts";
import { isGo } from "./match.ts";

/**
 * How often a registration is begun again because a token was taken or somebody else was first. With 36^8 tokens at
 * least, more means that the randomness is broken.
 */
export const REGISTRATION_TRIES = 10;

export interface AffiliateRegistrationOptions {
  /** The owner's group (`SIGNAL_GROUP_ID`). */
  readonly ownerGroup: Address;
  /** `AFFILIATE_LINK`, as it stands in front of `?token`. */
  readonly link: string;
  /** Characters of a new token (`TOKEN_LENGTH`); at most what `tokenWidth()` of the store says. */
  readonly tokenLength: number;
  /** IANA name of the zone in which `{time}` and `{date}` are written (`TIMEZONE`). */
  readonly zone: string;
  /** The set in use now: it is swapped whole when the file changes. */
  readonly templates: { readonly current: TemplateSet };
  readonly random: Random;
  readonly counters: Counters;
}

/** Who writes "Go", after the row was found or made. */
interface Registered {
  readonly affiliate: Affiliate;
  readonly isNew: boolean;
}

export class AffiliateRegistration implements Automation<StoreTx> {
  readonly name = "affiliates";

  constructor(private readonly options: AffiliateRegistrationOptions) {}

  /** "Go" from a person other than ourselves, in a direct conversation. */
  wants(event: InboundEvent): event is TextMessage {
    return event.type === "text" && event.group === undefined && isGo(event.body) &&
      !isOurselves(event.account, event.sender);
  }

  /** @throws {Error} when no row could be made in {@link REGISTRATION_TRIES} tries */
  async handle(event: InboundEvent, tx: StoreTx, context: InboundContext): Promise<void> {
    if (!this.wants(event)) return;
    const { affiliate, isNew } = await this.#findOrRegister(event.sender, tx);
    const message = (kind: MessageKind, recipient: Address, body: string): OutgoingMessage => ({
      account: event.account,
      recipient,
      body,
      kind,
      origin: { kind: "inbound", key: String(context.inboxId), generation: 1 },
    });
    const messages = [message("affiliate_reply", event.sender.address, this.#reply(affiliate, isNew))];
    if (isNew) messages.push(message("affiliate_owner", this.options.ownerGroup, this.#notice(affiliate)));
    await tx.outbox.enqueue(messages);
    this.options.counters.add("affiliate_messages_total", 1, {
      result: isNew ? "registered" : affiliate.isActive ? "already_registered" : "deactivated",
    });
  }

  async #findOrRegister(sender: Sender, tx: StoreTx): Promise<Registered> {
    const identity = identityOf(sender.address);
    const phoneNumber = numberOf(sender);
    for (let tries = 0; tries < REGISTRATION_TRIES; tries++) {
      const step = decideWriter({
        identity,
        phoneNumber,
        byIdentity: identity === undefined ? undefined : await tx.affiliates.byIdentity(identity),
        byNumber: phoneNumber === undefined ? undefined : await tx.affiliates.byPhoneNumber(phoneNumber),
      });
      const registered = await this.#carryOut(step, tx);
      if (registered !== undefined) return registered;
    }
    throw new Error(`affiliate registration: no free token or settled row in ${REGISTRATION_TRIES} tries`);
  }

  /** @returns undefined when another session was first or the token is taken: look again */
  async #carryOut(step: Step, tx: StoreTx): Promise<Registered | undefined> {
    switch (step.step) {
      case "known":
        return { affiliate: step.affiliate, isNew: false };
      case "register": {
        const token = mintToken(this.options.tokenLength, (into) => this.options.random.bytes(into));
        const inserted = await tx.affiliates.insert({ identity: step.identity, phoneNumber: step.phoneNumber, token });
        if (inserted.result === "created") return { affiliate: inserted.affiliate, isNew: true };
        if (inserted.result === "token_taken") this.options.counters.add("affiliate_token_collisions_total");
        return undefined;
      }
      case "bind": {
        const bound = await tx.affiliates.bindIdentity(step.affiliate.id, step.identity);
        return bound === "bound" ? { affiliate: step.affiliate, isNew: false } : undefined;
      }
      case "learn_number":
        // `taken`: somebody else got it this moment. The identity is what counts; the next "Go" looks again.
        await tx.affiliates.setPhoneNumber(step.affiliate.id, step.phoneNumber);
        return { affiliate: step.affiliate, isNew: false };
      case "merge": {
        await tx.affiliates.merge(step.from.id, step.into.id);
        const isActive = step.from.isActive && step.into.isActive;
        if (!isActive) await tx.affiliates.setActive(step.into.id, false);
        if (step.into.phoneNumber !== step.phoneNumber) {
          await tx.affiliates.setPhoneNumber(step.into.id, step.phoneNumber);
        }
        return { affiliate: { ...step.into, isActive }, isNew: false };
      }
    }
  }

  #reply(affiliate: Affiliate, isNew: boolean): string {
    const templates = this.options.templates.current;
    if (!affiliate.isActive) return templates.render("affiliate_deactivated", {});
    const values = { link: this.options.link, token: affiliate.token };
    return isNew
      ? templates.render("affiliate_registration_success", values)
      : templates.render("affiliate_already_registered", values);
  }

  /** The name that the person gave itself is left out: it could be made to look like somebody's number. */
  #notice(affiliate: Affiliate): string {
    return this.options.templates.current.render("new_affiliate_owner", {
      time: formatTime(affiliate.createdAtMs, this.options.zone),
      date: formatDate(affiliate.createdAtMs, this.options.zone),
      phone: affiliate.phoneNumber ?? NOT_AVAILABLE,
      token: affiliate.token,
    });
  }
}

function identityOf(address: Address): Address | undefined {
  return parseAddress(address).kind === "aci" ? address : undefined;
}

function numberOf(sender: Sender): string | undefined {
  if (sender.phoneNumber !== undefined) return sender.phoneNumber;
  const parts = parseAddress(sender.address);
  return parts.kind === "tel" ? parts.value : undefined;
}

/** A message of our own that comes in as one from a person, such as a note to oneself. */
function isOurselves(account: AccountId, sender: Sender): boolean {
  return `signal:${numberOf(sender)}` === account;
}
