/**
 * Which messages an order owes. Facts in, messages and remarks out; nothing here can fail for one order only.
 *
 * @module
 */
import { type AccountId, type Address, isPhoneNumber, makeTel } from "../../domain/address.ts";
import type { OutgoingMessage } from "../../domain/message.ts";
import type { Affiliate, DueOrder } from "../../store/port.ts";
import { formatDate, formatTime, formatTotal, NOT_AVAILABLE, orNA } from "../../templates/format.ts";
import type { TemplateSet } from "../../templates/template_set.ts";

/** What the settings say about orders. */
export interface OrderSettings {
  readonly account: AccountId;
  /** The owner's group (`SIGNAL_GROUP_ID`). */
  readonly ownerGroup: Address;
  /** IANA name of the zone in which `{time}` and `{date}` are written (`TIMEZONE`). */
  readonly zone: string;
  /** ISO 4217 code (`CURRENCY`). */
  readonly currency: string;
}

/** What was unusual about an order: a closed set, for one log line. */
export type OrderRemark =
  /** Nobody has the order's token: the owner hears of the order, nobody else. */
  | "unknown_token"
  /** The affiliate is deactivated: owner only. */
  | "inactive_affiliate"
  /** The affiliate's row has neither an identity nor a number that Signal can read: owner only. */
  | "affiliate_without_address"
  /** Columns of the row could not be read; they are shown as absent. */
  | "bad_columns";

export interface OrderDecision {
  /** In the order in which they are to be enqueued; the owner's is always there and comes first. */
  readonly messages: readonly OutgoingMessage[];
  readonly remarks: readonly OrderRemark[];
}

/**
 * The order's token as affiliates have it, `undefined` when it has none. CHAR columns pad with blanks, which some
 * engines give back; a token of blanks only is none.
 */
export function tokenOf(order: DueOrder): string | undefined {
  const token = order.affiliateToken?.replace(/ +$/, "");
  return token === "" ? undefined : token;
}

/** Where an affiliate is reached: the identity when known, else the number; `undefined` when there is neither. */
export function addressOf(affiliate: Affiliate): Address | undefined {
  if (affiliate.identity !== undefined) return affiliate.identity;
  const number = affiliate.phoneNumber;
  return number !== undefined && isPhoneNumber(number) ? makeTel(number) : undefined;
}

/**
 * @param affiliate whose token the order carries, `undefined` when nobody has it or the order carries none
 * @param nowMs stands in for a missing `created_at`, as in the original system; one that cannot be read is shown as absent
 */
export function decideOrder(
  order: DueOrder,
  affiliate: Affiliate | undefined,
  settings: OrderSettings,
  templates: TemplateSet,
  nowMs: number,
): OrderDecision {
  const remarks: OrderRemark[] = order.problems.length > 0 ? ["bad_columns"] : [];
  const writtenAtMs = order.createdAtMs ?? (isBad(order, "created_at") ? undefined : nowMs);
  const values = {
    time: writtenAtMs === undefined ? NOT_AVAILABLE : formatTime(writtenAtMs, settings.zone),
    date: writtenAtMs === undefined ? NOT_AVAILABLE : formatDate(writtenAtMs, settings.zone),
    total: formatTotal(order.total, settings.currency),
    client: orNA(order.client),
    ip: orNA(order.ipAddress),
  };
  const origin = { kind: "order", key: String(order.id), generation: order.generation } as const;
  const messages: OutgoingMessage[] = [{
    account: settings.account,
    recipient: settings.ownerGroup,
    body: templates.render("new_order_owner", values),
    kind: "order_owner",
    origin,
  }];

  if (tokenOf(order) !== undefined) {
    const recipient = affiliate === undefined ? undefined : addressOf(affiliate);
    if (affiliate === undefined) remarks.push("unknown_token");
    else if (!affiliate.isActive) remarks.push("inactive_affiliate");
    else if (recipient === undefined) remarks.push("affiliate_without_address");
    else {
      messages.push({
        account: settings.account,
        recipient,
        body: templates.render("new_order_affiliate", values),
        kind: "order_affiliate",
        origin,
      });
    }
  }
  return { messages, remarks };
}

/** Problems read `column: what was wrong`. */
function isBad(order: DueOrder, column: string): boolean {
  return order.problems.some((problem) => problem.startsWith(`${column}:`));
}
