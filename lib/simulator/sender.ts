/**
 * Sending: from the target of a request to the record of the service and `results[]` (facts: signal.md §4.5).
 *
 * Everything is synchronous unless a delay is asked for, so that a burst of requests is answered in one write.
 *
 * @module
 */
import { Crash, IO_ERROR, NO_ANSWER, RATE_LIMIT, RpcFailure, UNTRUSTED_KEY, USER_ERROR } from "./failure.ts";
import { type Effect, type ResultType, seeded } from "./faults.ts";
import type { Recipients, Target } from "./recipients.ts";
import type { Group, Person } from "./state.ts";
import type { SendResult, World } from "./world.ts";

export interface Outgoing {
  /** Method, for fault rules. */
  readonly method: string;
  /** What it is called in the record. */
  readonly kind: string;
  readonly body: string;
  /** Name of the time in the answer: `editTimestamp` for edits. */
  readonly timestampName?: string;
  readonly people: readonly Target[];
  readonly groups: readonly string[];
  /** A note to self goes out although there is no linked device. */
  readonly notifySelf: boolean;
}

export type SendAnswer = Record<string, unknown> | typeof NO_ANSWER;
type Problem = Extract<Effect, { type: "result" }>;

export class Sender {
  readonly #world: World;
  readonly #recipients: Recipients;
  readonly #life: AbortSignal;
  readonly #random = seeded(7);

  /** @param life aborted when the program ends */
  constructor(world: World, recipients: Recipients, life: AbortSignal) {
    this.#world = world;
    this.#life = life;
    this.#recipients = recipients;
  }

  /** @throws {RpcFailure} as the wire has it; @throws {Crash} when a rule says so */
  send(outgoing: Outgoing): SendAnswer | Promise<SendAnswer> {
    if (outgoing.people.length + outgoing.groups.length === 0) throw new RpcFailure(USER_ERROR, "No recipients given");
    const groups = outgoing.groups.map((id) => this.#writableGroup(id));
    const effects = this.#world.faults.take({ on: outgoing.method, to: this.#names(outgoing, groups) });
    const waitMs = this.#waitMs(effects);
    const last = effects.at(-1);
    if (waitMs === 0) return this.#deliver(outgoing, groups, last);
    return this.#world.time.pause(waitMs, this.#life).then(() => this.#deliver(outgoing, groups, last));
  }

  #deliver(outgoing: Outgoing, groups: readonly Group[], effect: Effect | undefined): SendAnswer | Promise<SendAnswer> {
    if (effect?.type === "crash_before") throw new Crash();
    if (effect?.type === "hang") return NO_ANSWER;
    if (effect?.type === "error") {
      throw new RpcFailure(effect.code, effect.message ?? errorText(effect.code), effect.data ?? null);
    }
    const problem = effect?.type === "result" ? effect : undefined;
    const timestamp = this.#world.nextTimestamp();
    const results: SendResult[] = [];
    for (const target of outgoing.people) results.push(this.#toOne(outgoing, target, timestamp, problem));
    for (const group of groups) results.push(...this.#toGroup(outgoing, group, timestamp, problem));
    if (effect?.type === "crash_after") {
      this.#world.flush();
      throw new Crash();
    }
    const answer = { [outgoing.timestampName ?? "timestamp"]: timestamp, results };
    if (effect?.type === "lose_answer") {
      this.#world.flush();
      return NO_ANSWER;
    }
    if (effect?.type === "delay_answer") {
      this.#world.flush();
      return this.#world.time.pause(effect.ms, this.#life).then(() => succeeded(answer, results));
    }
    return succeeded(answer, results);
  }

  #toOne(outgoing: Outgoing, target: Target, timestamp: number, problem: Problem | undefined): SendResult {
    const { account } = this.#recipients;
    if (target.kind === "nobody") {
      const { uuid, number, username } = target;
      return { recipientAddress: { uuid, number, username }, type: "UNREGISTERED_FAILURE" };
    }
    if (target.kind === "self") {
      const result: SendResult = {
        recipientAddress: { uuid: account.uuid, number: account.number, username: null },
        ...(problem ? failure(problem) : this.#serviceVerdict(undefined)),
      };
      const sent = result.type === "SUCCESS" && (outgoing.notifySelf || account.linkedDevices);
      if (sent) this.#record(outgoing, { uuid: account.uuid, number: account.number }, timestamp, [result]);
      return result;
    }
    const { person } = target;
    const result: SendResult = {
      recipientAddress: this.#recipients.address(person),
      ...(problem ? failure(problem) : this.#serviceVerdict(person)),
    };
    if (result.type === "SUCCESS") {
      this.#record(outgoing, { uuid: person.uuid, number: person.number }, timestamp, [result]);
      this.#receipts(outgoing, person, timestamp);
    }
    return result;
  }

  #toGroup(
    outgoing: Outgoing,
    group: Group,
    timestamp: number,
    problem: Problem | undefined,
  ): readonly SendResult[] {
    const { account } = this.#recipients;
    const members = group.members.filter((member) => member !== account.uuid && member !== account.number);
    const results = members.map((member): SendResult => {
      const person = this.#recipients.byUuid(member) ?? this.#recipients.byNumber(member);
      if (!person || !person.registered) {
        const recipientAddress = person
          ? this.#recipients.address(person)
          : { uuid: member, number: null, username: null };
        return { recipientAddress, groupId: group.id, type: "UNREGISTERED_FAILURE" };
      }
      const hit = problem && (problem.members === undefined || problem.members.includes(person.uuid) ||
        (person.number !== null && problem.members.includes(person.number)));
      const verdict = hit ? failure(problem) : this.#serviceVerdict(person);
      return { recipientAddress: this.#recipients.address(person), groupId: group.id, ...verdict };
    });
    if (results.length === 0 || results.some((each) => each.type === "SUCCESS")) {
      this.#record(outgoing, { group: group.id }, timestamp, results);
      for (const result of results) {
        const person = this.#recipients.byUuid(result.recipientAddress.uuid ?? "");
        if (person && result.type === "SUCCESS") this.#receipts(outgoing, person, timestamp);
      }
    }
    return results;
  }

  /** What the service says when no rule interferes. */
  #serviceVerdict(person: Person | undefined): Pick<SendResult, "type" | "token" | "retryAfterSeconds"> {
    if (this.#world.state.offline) return { type: "NETWORK_FAILURE" };
    const { challenge, number } = this.#recipients.account;
    if (challenge && !this.#world.memory(number).solved.includes(challenge.token)) {
      return { type: "RATE_LIMIT_FAILURE", token: challenge.token, retryAfterSeconds: challenge.retryAfterSeconds };
    }
    return { type: person === undefined || this.#recipients.keyTrusted(person) ? "SUCCESS" : "IDENTITY_FAILURE" };
  }

  #record(
    outgoing: Outgoing,
    to: { uuid: string; number: string | null } | { group: string },
    timestamp: number,
    results: readonly SendResult[],
  ): void {
    const { kind, body } = outgoing;
    this.#world.record({ timestamp, account: this.#recipients.account.number, kind, to, body, results });
  }

  #receipts(outgoing: Outgoing, person: Person, timestamp: number): void {
    if (outgoing.kind !== "message") return;
    const { receipts, readReceipts } = this.#world.state;
    const { number } = this.#recipients.account;
    const push = (type: string) =>
      this.#world.push(number, { account: number, from: person.uuid, receipt: { type, timestamps: [timestamp] } });
    if (receipts) push("delivery");
    if (readReceipts) push("read");
  }

  /** @throws {RpcFailure} -1 with no data: bad id, unknown, not a member, only administrators may write */
  #writableGroup(id: string): Group {
    if (!/^(?:[A-Za-z0-9+/]{21}[AQgw]==|[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/.test(id)) {
      throw new RpcFailure(USER_ERROR, "Failed to parse group id");
    }
    const group = this.#world.state.groups.find((each) => each.id === id);
    if (!group) throw new RpcFailure(USER_ERROR, "Group not found");
    if (!group.isMember) throw new RpcFailure(USER_ERROR, "User is not a group member");
    const { account } = this.#recipients;
    if (group.announcementOnly && !group.admins.includes(account.uuid) && !group.admins.includes(account.number)) {
      throw new RpcFailure(USER_ERROR, "User is not allowed to send to this announcement group");
    }
    return group;
  }

  #names(outgoing: Outgoing, groups: readonly Group[]): readonly string[] {
    const names = groups.map((group) => group.id);
    const { account } = this.#recipients;
    for (const target of outgoing.people) {
      const it = target.kind === "person"
        ? target.person
        : target.kind === "self"
        ? { ...account, username: null }
        : target;
      for (const name of [it.uuid, it.number, it.username]) if (name !== null) names.push(name);
    }
    return names;
  }

  #waitMs(effects: readonly Effect[]): number {
    let waitMs = this.#spread(this.#world.state.sendDelayMs);
    for (const effect of effects) if (effect.type === "delay") waitMs += this.#spread(effect.ms);
    return waitMs;
  }

  #spread(ms: number | readonly [number, number]): number {
    return typeof ms === "number" ? ms : ms[0] + this.#random() * (ms[1] - ms[0]);
  }
}

function failure(problem: Problem): { type: ResultType; token?: string; retryAfterSeconds?: number } {
  return {
    type: problem.result,
    ...(problem.token === undefined ? {} : { token: problem.token }),
    ...(problem.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: Math.ceil(problem.retryAfterSeconds) }),
  };
}

/** Success when one recipient got it or there was none; else the code that all failures share. */
function succeeded(answer: Record<string, unknown>, results: readonly SendResult[]): Record<string, unknown> {
  if (results.length === 0 || results.some((each) => each.type === "SUCCESS")) return answer;
  const all = (type: ResultType) => results.every((each) => each.type === type);
  const code = all("IDENTITY_FAILURE") ? UNTRUSTED_KEY : all("RATE_LIMIT_FAILURE") ? RATE_LIMIT : USER_ERROR;
  throw new RpcFailure(code, errorText(code), { response: answer });
}

function errorText(code: number): string {
  switch (code) {
    case IO_ERROR:
      return "Failed to send message: connection closed";
    case UNTRUSTED_KEY:
      return "Failed to send message due to untrusted identities";
    case RATE_LIMIT:
      return "Failed to send message due to rate limiting";
    case USER_ERROR:
      return "Failed to send message";
    default:
      return "Failed to send message (RuntimeException)";
  }
}
