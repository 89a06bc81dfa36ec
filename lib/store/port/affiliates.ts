/**
 * Affiliates and who they are. A part of the port: see `../port.ts`.
 *
 * @module
 */
import type { Address } from "../../domain/address.ts";

export interface Affiliate {
  readonly id: number;
  readonly phoneNumber: string | undefined;
  readonly token: string;
  readonly createdAtMs: number;
  readonly isActive: boolean;
  /** The service identity, once known: `signal:aci:…`. */
  readonly identity: Address | undefined;
}

export interface AffiliatesStore {
  /** By service identity, following merges. */
  byIdentity(identity: Address): Promise<Affiliate | undefined>;
  byPhoneNumber(phoneNumber: string): Promise<Affiliate | undefined>;
  /** By binary value (`abc` is not `ABC`), following merges. */
  byToken(token: string): Promise<Affiliate | undefined>;
  /** {@link byToken} for a batch in one statement; tokens that nobody has are missing from the map. */
  byTokens(tokens: readonly string[]): Promise<ReadonlyMap<string, Affiliate>>;
  byId(id: number): Promise<Affiliate | undefined>;
  /** One person, one row: unique on identity, number and token. */
  insert(
    affiliate: {
      readonly identity: Address | undefined;
      readonly phoneNumber: string | undefined;
      readonly token: string;
    },
  ): Promise<
    | { readonly result: "created"; readonly affiliate: Affiliate }
    | { readonly result: "identity_taken" }
    | { readonly result: "number_taken" }
    | { readonly result: "token_taken" }
  >;
  /** Binds a service identity to a row that was known by number only. `taken`: it belongs to another row. */
  bindIdentity(affiliateId: number, identity: Address): Promise<"bound" | "taken">;
  /** Sets or changes the number. `taken`: it belongs to another row. */
  setPhoneNumber(affiliateId: number, phoneNumber: string): Promise<"set" | "taken">;
  /** `from` becomes an alias of `into`: its identity and its token lead there from now on. */
  merge(fromId: number, intoId: number): Promise<void>;
  setActive(affiliateId: number, active: boolean): Promise<"changed" | "unchanged" | "absent">;
  list(
    filter: { readonly afterId?: number; readonly limit: number; readonly active?: boolean },
  ): Promise<readonly Affiliate[]>;
  /** Characters that both token columns hold (`affiliates.token`, `orders.affiliate_token`): the upper bound of TOKEN_LENGTH. */
  tokenWidth(): Promise<number>;
}
