/**
 * signal-cli's recipient table and identity keys of one account: who is meant, what is known of them.
 *
 * @module
 */
import { RpcFailure, USER_ERROR } from "./failure.ts";
import type { Account, Person } from "./state.ts";
import type { SendResult, World } from "./world.ts";

/** Whom a request means. */
export type Target =
  | { readonly kind: "self" }
  | { readonly kind: "person"; readonly person: Person }
  /** Nobody that can be reached: unregistered, or not found. */
  | {
    readonly kind: "nobody";
    readonly uuid: string | null;
    readonly number: string | null;
    readonly username: string | null;
  };

export type TrustMode = "on-first-use" | "always" | "never";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export class Recipients {
  readonly #world: World;
  readonly #number: string;
  readonly #trust: TrustMode;
  #indexed: readonly Person[] = [];
  #byUuid = new Map<string, Person>();
  #byNumber = new Map<string, Person>();

  constructor(world: World, number: string, trust: TrustMode) {
    this.#world = world;
    this.#number = number;
    this.#trust = trust;
  }

  /** The account as the world has it now; it is not removed while a process runs. */
  get account(): Account {
    return this.#world.state.accounts.find((each) => each.number === this.#number)!;
  }

  byUuid(uuid: string): Person | undefined {
    this.#index();
    return this.#byUuid.get(uuid.toLowerCase());
  }

  byNumber(number: string): Person | undefined {
    this.#index();
    return this.#byNumber.get(number);
  }

  /** The number in the local table, or null when it is hidden. */
  knownNumber(person: Person): string | null {
    return person.numberKnown ? person.number : this.#world.memory(this.#number).numbers[person.uuid] ?? null;
  }

  address(person: Person): SendResult["recipientAddress"] {
    return { uuid: person.uuid, number: this.knownNumber(person), username: null };
  }

  /** Facts: signal.md §1.3, recipient forms; lenient like the original. @throws {RpcFailure} -1 for a text without a digit */
  resolve(recipient: string): Target {
    if (UUID.test(recipient)) {
      const uuid = recipient.toLowerCase();
      if (uuid === this.account.uuid) return { kind: "self" };
      const person = this.byUuid(uuid);
      if (!person) return { kind: "nobody", uuid, number: null, username: null };
      return person.registered ? { kind: "person", person } : { kind: "nobody", ...this.address(person) };
    }
    if (recipient.startsWith("PNI:")) return { kind: "nobody", uuid: null, number: null, username: null };
    if (recipient.startsWith("u:")) return this.resolveUsername(recipient.slice(2));
    return this.resolveNumber(recipient);
  }

  resolveUsername(username: string): Target {
    const person = this.#world.state.people.find((each) => each.username === username);
    if (person?.registered) return { kind: "person", person };
    return { kind: "nobody", uuid: person?.uuid ?? null, number: null, username };
  }

  resolveNumber(text: string): Target {
    const digits = text.replace(/[^0-9+]/g, "");
    if (!/[0-9]/.test(digits)) throw new RpcFailure(USER_ERROR, "Failed to parse recipient: invalid phone number");
    // All invented numbers are in the country code of the account, +1.
    const number = digits.startsWith("+") ? digits : `+1${digits}`;
    if (number === this.#number) return { kind: "self" };
    const person = this.byNumber(number);
    if (person && this.knownNumber(person) === number) {
      return person.registered ? { kind: "person", person } : { kind: "nobody", ...this.address(person) };
    }
    if (!person || !person.registered || !person.discoverable || this.#world.state.directoryError) {
      return { kind: "nobody", uuid: null, number, username: null };
    }
    this.learn(person, number);
    return { kind: "person", person };
  }

  /** The name of a group as the account knows it, or null. */
  groupName(id: string): string | null {
    return this.#world.state.groups.find((each) => each.id === id)?.name ?? null;
  }

  /** The directory told a number: from now on it stands in `sourceNumber`. */
  learn(person: Person, number: string): void {
    this.#world.remember(this.#number, { numbers: { [person.uuid]: number } });
  }

  /** Whether the person's present key may be used; on first use it is remembered (facts: signal.md §7.2). */
  keyTrusted(person: Person): boolean {
    if (this.#trust === "always") return true;
    const known = this.#world.memory(this.#number).keys[person.uuid];
    if (known === person.key) return true;
    if (known !== undefined || this.#trust === "never") return false;
    this.trust(person);
    return true;
  }

  trust(person: Person): void {
    this.#world.remember(this.#number, { keys: { [person.uuid]: person.key } });
  }

  /** Twelve groups of five digits, the same for the same key. */
  safetyNumber(person: Person): string {
    const digits = Array.from({ length: 12 }, (_, place) => {
      let sum = place + 7;
      for (const char of `${person.uuid}/${person.key}`) sum = (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0;
      return String(sum % 100000).padStart(5, "0");
    });
    return digits.join(" ");
  }

  #index(): void {
    const { people } = this.#world.state;
    if (people === this.#indexed) return;
    this.#indexed = people;
    this.#byUuid = new Map(people.map((person) => [person.uuid.toLowerCase(), person]));
    this.#byNumber = new Map(
      people.filter((person) => person.number !== null).map((person) => [person.number!, person]),
    );
  }
}
