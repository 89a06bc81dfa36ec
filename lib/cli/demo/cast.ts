/**
 * Who plays in the demo. Numbers from ranges that no real person can have (Arcep 01 99 00, Ofcom 01632 96).
 *
 * @module
 */
import { inventedUuid } from "../../simulator/state.ts";

export interface Person {
  readonly name: string;
  readonly icon: string;
  /** What the person is to the shop. */
  readonly role: string;
  readonly number: string;
  readonly uuid: string;
}

function person(name: string, icon: string, role: string, number: string): Person {
  return { name, icon, role, number, uuid: inventedUuid(number) };
}

/** The number that the service sends from. */
export const SHOP_NUMBER = "+33199000100";
export const CAMILLE: Person = person("Camille", "👩", "owner", "+33199000101");
export const SAM: Person = person("Sam", "🧑", "owner", "+33199000102");
export const ALEX: Person = person("Alex", "🔧", "admin", "+33199000103");
/** Becomes an affiliate in the demo. */
export const LEA: Person = person("Léa", "💃", "affiliate", "+33199000104");
/** Was one before, known by number only, as rows of the original system are. */
export const MARC: Person = person("Marc", "🚴", "affiliate", "+33199000105");
export const MARC_TOKEN = "MARC20242024";

export const PEOPLE: readonly Person[] = [CAMILLE, SAM, ALEX, LEA, MARC];

/** The owner's group. Its id is 32 bytes of base64, as Signal's are. */
export const GROUP = {
  id: "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=",
  name: "Owners' group",
  icon: "👥",
  members: [CAMILLE, SAM],
} as const;

/** The simulator's world. @param away people whose number is not registered just now */
export function worldOf(away: readonly Person[] = []): Record<string, unknown> {
  return {
    accounts: [SHOP_NUMBER],
    people: PEOPLE.map(({ name, number, uuid }) => ({
      name,
      number,
      uuid,
      registered: !away.some((each) => each.uuid === uuid),
    })),
    groups: [{ id: GROUP.id, name: GROUP.name, members: GROUP.members.map(({ uuid }) => uuid) }],
    sendDelayMs: [40, 120],
    receipts: true,
  };
}
