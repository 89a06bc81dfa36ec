/**
 * What the simulated Signal service and the phones behind it are like: the content of `world.json`.
 * Every field has a default, so that `{"accounts":["+15550100001"]}` is a whole world.
 *
 * @module
 */

/** A registered number of ours, as signal-cli's `accounts.json` and the service know it. */
export interface Account {
  readonly number: string;
  readonly uuid: string;
  /** False: the account file is missing; every start ends with exit 1. */
  readonly registered: boolean;
  /** False: the service refuses the login: a start ends with exit 3, a running process ends, the next start gives exit 1. */
  readonly authorized: boolean;
  /** The service refuses this release of signal-cli: exit 2 at start. */
  readonly tooOld: boolean;
  /** Whether a note to self is really sent (facts: signal.md §1.3). */
  readonly linkedDevices: boolean;
  /** While it is set and unsolved, every send is rate limited and carries the token (facts: signal.md §7.1). */
  readonly challenge: Challenge | null;
}

export interface Challenge {
  readonly token: string;
  /** The only link that solves it; every other one is rejected. */
  readonly captcha: string;
  readonly retryAfterSeconds: number;
}

export interface Person {
  readonly uuid: string;
  readonly number: string | null;
  readonly username: string | null;
  readonly name: string;
  /** Whether signal-cli's own recipient table holds the number already. False: a hidden number, until something teaches it. */
  readonly numberKnown: boolean;
  /** Whether the directory finds the person by number. */
  readonly discoverable: boolean;
  readonly registered: boolean;
  /** Stands for the identity key; another value means that the person's phone was set up anew. */
  readonly key: string;
}

export interface Group {
  readonly id: string;
  readonly name: string;
  /** Service ids; the account itself may be listed or not, it is skipped when sending. */
  readonly members: readonly string[];
  readonly admins: readonly string[];
  /** Whether the account belongs to it. */
  readonly isMember: boolean;
  /** Only administrators may write. */
  readonly announcementOnly: boolean;
}

export interface WorldState {
  readonly version: string;
  readonly accounts: readonly Account[];
  readonly people: readonly Person[];
  readonly groups: readonly Group[];
  /** What a start costs before anything else, for the JVM. */
  readonly startDelayMs: number;
  /** What the service takes for one send: a number, or the two ends of an even spread. */
  readonly sendDelayMs: number | readonly [number, number];
  /** No network: starts end with exit 3, sends fail with NETWORK_FAILURE. */
  readonly offline: boolean;
  /** The directory cannot be asked: numbers that were never seen come out as unregistered. */
  readonly directoryError: boolean;
  /** After each accepted send, a delivery receipt from every recipient. */
  readonly receipts: boolean;
  /** And a read receipt too. */
  readonly readReceipts: boolean;
  /** Whose phone scans the code that `link` shows, the number of an account; null: nobody, until it is set. */
  readonly scannedBy: string | null;
  /** How often the files are looked at when no notice came of a change. A notice usually comes within a millisecond. */
  readonly lookEveryMs: number;
  /** Keep every request line in `requests.jsonl`. */
  readonly recordRequests: boolean;
}

/** The version that `--version` and `version` report unless `world.json` says another. */
export const DEFAULT_VERSION = "0.14.6";

type Json = Record<string, unknown>;

/** Reads a world with its defaults. @throws {TypeError} naming the field that has not the promised form */
export function parseWorld(value: unknown): WorldState {
  const world = object(value, "world");
  return {
    version: text(world.version, DEFAULT_VERSION, "version"),
    accounts: list(world.accounts, "accounts").map(account),
    people: list(world.people, "people").map(person),
    groups: list(world.groups, "groups").map(group),
    startDelayMs: number(world.startDelayMs, 0, "startDelayMs"),
    lookEveryMs: number(world.lookEveryMs, 50, "lookEveryMs"),
    sendDelayMs: delay(world.sendDelayMs),
    offline: flag(world.offline, false, "offline"),
    directoryError: flag(world.directoryError, false, "directoryError"),
    receipts: flag(world.receipts, false, "receipts"),
    readReceipts: flag(world.readReceipts, false, "readReceipts"),
    scannedBy: world.scannedBy === undefined || world.scannedBy === null
      ? null
      : text(world.scannedBy, undefined, "scannedBy"),
    recordRequests: flag(world.recordRequests, false, "recordRequests"),
  };
}

/** An invented service id that is always the same for the same text. */
export function inventedUuid(seed: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const char of seed) {
    a = Math.imul(a ^ char.codePointAt(0)!, 0x01000193) >>> 0;
    b = Math.imul(b + a, 0x85ebca6b) >>> 0;
  }
  const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
  const [first, second] = [hex(Math.imul(a, 0xc2b2ae35)), hex(Math.imul(b ^ a, 0x27d4eb2f))];
  return `${hex(a)}-${hex(b).slice(0, 4)}-4${hex(b).slice(5)}-8${first.slice(0, 3)}-${second}${first.slice(4)}`;
}

function account(value: unknown, index: number): Account {
  const where = `accounts[${index}]`;
  const it = typeof value === "string" ? { number: value } : object(value, where);
  const ownNumber = text(it.number, undefined, `${where}.number`);
  const challenge = it.challenge === undefined || it.challenge === null
    ? null
    : object(it.challenge, `${where}.challenge`);
  return {
    number: ownNumber,
    uuid: text(it.uuid, inventedUuid(ownNumber), `${where}.uuid`),
    registered: flag(it.registered, true, `${where}.registered`),
    authorized: flag(it.authorized, true, `${where}.authorized`),
    tooOld: flag(it.tooOld, false, `${where}.tooOld`),
    linkedDevices: flag(it.linkedDevices, false, `${where}.linkedDevices`),
    challenge: challenge && {
      token: text(challenge.token, undefined, `${where}.challenge.token`),
      captcha: text(challenge.captcha, undefined, `${where}.challenge.captcha`),
      retryAfterSeconds: number(challenge.retryAfterSeconds, 3600, `${where}.challenge.retryAfterSeconds`),
    },
  };
}

function person(value: unknown, index: number): Person {
  const where = `people[${index}]`;
  const it = typeof value === "string" ? { number: value } : object(value, where);
  const ownNumber = it.number === undefined || it.number === null
    ? null
    : text(it.number, undefined, `${where}.number`);
  return {
    uuid: text(it.uuid, ownNumber === null ? undefined : inventedUuid(ownNumber), `${where}.uuid`),
    number: ownNumber,
    username: it.username === undefined || it.username === null ? null : text(it.username, "", `${where}.username`),
    name: text(it.name, "", `${where}.name`),
    numberKnown: flag(it.numberKnown, ownNumber !== null, `${where}.numberKnown`),
    discoverable: flag(it.discoverable, true, `${where}.discoverable`),
    registered: flag(it.registered, true, `${where}.registered`),
    key: text(it.key, "1", `${where}.key`),
  };
}

function group(value: unknown, index: number): Group {
  const where = `groups[${index}]`;
  const it = object(value, where);
  return {
    id: text(it.id, undefined, `${where}.id`),
    name: text(it.name, "", `${where}.name`),
    members: list(it.members, `${where}.members`).map((member, at) =>
      text(member, undefined, `${where}.members[${at}]`)
    ),
    admins: list(it.admins, `${where}.admins`).map((member, at) => text(member, undefined, `${where}.admins[${at}]`)),
    isMember: flag(it.isMember, true, `${where}.isMember`),
    announcementOnly: flag(it.announcementOnly, false, `${where}.announcementOnly`),
  };
}

function delay(value: unknown): number | readonly [number, number] {
  if (Array.isArray(value) && value.length === 2) {
    return [number(value[0], 0, "sendDelayMs[0]"), number(value[1], 0, "sendDelayMs[1]")];
  }
  return number(value, 0, "sendDelayMs");
}

function object(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new TypeError(`${where}: an object is needed`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new TypeError(`${where}: a list is needed`);
}

function text(value: unknown, otherwise: string | undefined, where: string): string {
  if (typeof value === "string") return value;
  if (value === undefined && otherwise !== undefined) return otherwise;
  throw new TypeError(`${where}: a text is needed`);
}

function number(value: unknown, otherwise: number, where: string): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && value >= 0) return value;
  throw new TypeError(`${where}: a number of at least 0 is needed`);
}

function flag(value: unknown, otherwise: boolean, where: string): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === "boolean") return value;
  throw new TypeError(`${where}: true or false is needed`);
}
