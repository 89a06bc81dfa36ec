/**
 * What an administrator does with affiliates. Showing them (and hiding numbers) is the caller's part.
 *
 * @module
 */
import { isPhoneNumber, isServiceId, makeAci } from "../../domain/address.ts";
import type { Affiliate, AffiliatesStore } from "../../store/port.ts";

/** Rows read at a time. */
const PAGE = 200;

/** Every affiliate by id, page by page. @param active only active or only deactivated ones; all when undefined */
export async function* listAffiliates(affiliates: AffiliatesStore, active?: boolean): AsyncGenerator<Affiliate> {
  let afterId = 0;
  while (true) {
    const page = await affiliates.list({ afterId, limit: PAGE, ...(active === undefined ? {} : { active }) });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    afterId = last.id;
  }
}

/**
 * The affiliate that somebody means by `who`: a number (`+33…`), a service id, a row id or a token, tried in this order.
 * A text of digits only is a row id first: a token can be one too.
 */
export async function findAffiliate(affiliates: AffiliatesStore, who: string): Promise<Affiliate | undefined> {
  const text = who.trim();
  if (isPhoneNumber(text)) return await affiliates.byPhoneNumber(text);
  if (isServiceId(text.toLowerCase())) return await affiliates.byIdentity(makeAci(text));
  const id = /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  const byId = id === undefined ? undefined : await affiliates.byId(id);
  return byId ?? await affiliates.byToken(text);
}

/** Activates or deactivates. A deactivated affiliate hears of no order and is told so on the next "Go". */
export async function setAffiliateActive(
  affiliates: AffiliatesStore,
  who: string,
  active: boolean,
): Promise<
  { readonly result: "changed" | "unchanged"; readonly affiliate: Affiliate } | { readonly result: "absent" }
> {
  const affiliate = await findAffiliate(affiliates, who);
  if (affiliate === undefined) return { result: "absent" };
  const result = await affiliates.setActive(affiliate.id, active);
  return result === "absent" ? { result } : { result, affiliate: { ...affiliate, isActive: active } };
}
