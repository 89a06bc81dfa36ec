/**
 * The story that the demo tells: each scene causes something from outside (the shop, a phone, an editor) and waits for
 * what appears on people's phones. Nothing is told before it happened.
 *
 * @module
 */
import type { Affiliate, Store } from "../../store/port.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { MemoryWorld } from "../../simulator/memory_world.ts";
import { formatSpan } from "../screen/when.ts";
import { ALEX, GROUP, LEA, MARC, MARC_TOKEN, type Person, SHOP_NUMBER, worldOf } from "./cast.ts";
import type { Delivery, Feed } from "./feed.ts";
import type { ServiceLog } from "./service_log.ts";
import type { NewOrder, Shop } from "./shop.ts";
import type { Stage } from "./stage.ts";

export interface StoryOptions {
  readonly stage: Stage;
  readonly feed: Feed;
  readonly shop: Shop;
  readonly world: MemoryWorld;
  readonly log: ServiceLog;
  readonly store: Store;
  readonly clock: Clock;
  /** The templates file, to be edited. */
  readonly templates: string;
  /** Time to read between two scenes, milliseconds; 0 when nobody watches. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** Longest wait for one message; only a broken demo waits so long. */
const PATIENCE_MS = 12_000;
/** How long before the next try Marc's phone is ready at the latest. */
const READY_BEFORE_MS = 500;
/** How often the outbox is asked whether the expected refusal has come. */
const LOOK_MS = 50;

export class Story {
  /** When Marc's phone was ready; undefined while it is away. */
  #marcReadyMs: number | undefined;
  readonly #end = new AbortController();
  constructor(private readonly with_: StoryOptions) {}

  /** @throws {DeadlineExceeded} when something expected does not happen; the abort reason when `signal` aborts */
  async tell(): Promise<void> {
    try {
      await this.#start();
      await this.#firstOrder();
      await this.#unreachable();
      await this.#registration();
      await this.#edit();
      await this.#recovery();
    } finally {
      this.#end.abort();
    }
  }

  async #start(): Promise<void> {
    const { stage } = this.with_;
    stage.scene("The service starts");
    stage.tell("It opens its database, starts signal-cli and tells the admin.");
    stage.received(await this.#to(ALEX, () => true));
    await this.#pause();
  }

  async #firstOrder(): Promise<void> {
    const { stage } = this.with_;
    stage.scene("The shop gets an order");
    const { atMs } = this.#insert({ client: "Noor Haddad", total: "42.50", ipAddress: "203.0.113.7" });
    stage.received(await this.#toGroup("Noor Haddad"), atMs);
    await this.#pause();
  }

  async #unreachable(): Promise<void> {
    const { stage, store, clock, signal } = this.with_;
    stage.scene("An affiliate cannot be reached");
    stage.tell(`The next customer came through ${MARC.name}'s link, but ${MARC.name} is between two phones.`);
    const { atMs } = this.#insert({
      client: "日本 太郎 🎴",
      total: "1999.00",
      ipAddress: "2001:db8::7",
      token: MARC_TOKEN,
    });
    stage.received(await this.#toGroup("日本 太郎"), atMs);
    const deadlineMs = clock.monotonicMs() + PATIENCE_MS;
    while (true) {
      signal.throwIfAborted();
      const waiting = await store.outbox.list({ states: ["queued"], limit: 10 });
      const failed = waiting.find((message) => message.kind === "order_affiliate" && message.attempts > 0);
      if (failed !== undefined) {
        const seconds = Math.max(1, Math.round((failed.dueAtMs - clock.nowMs()) / 1000));
        stage.trouble(
          `${MARC.icon} ${MARC.name}: refused (${
            failed.reason ?? "?"
          }). Next try in ${seconds} s; nobody else waits for it.`,
        );
        // On a slow machine the story may still be elsewhere when that try is due: the phone does not wait for it.
        void clock.sleepMs(failed.dueAtMs - clock.nowMs() - READY_BEFORE_MS, this.#end.signal)
          .then(() => this.#marcIsBack());
        break;
      }
      if (clock.monotonicMs() > deadlineMs) throw new Error("the first try to an unregistered number did not fail");
      await clock.sleepMs(LOOK_MS, signal);
    }
    await this.#pause();
  }

  async #registration(): Promise<void> {
    const { stage, world, clock } = this.with_;
    stage.scene("Somebody becomes an affiliate");
    stage.said(`${LEA.icon} ${LEA.name}`, "Go!");
    const saidMs = clock.nowMs();
    world.push(SHOP_NUMBER, { from: LEA.uuid, text: "Go!" });
    stage.received(await this.#to(LEA, () => true), saidMs);
    const { token } = await this.#affiliate();
    stage.received(await this.#toGroup(token), saidMs);
    await this.#pause();

    stage.scene("A customer comes through her link");
    const { atMs } = this.#insert({ client: "Zoë {O'Neil}", total: "18.00", ipAddress: "198.51.100.23", token });
    stage.received(await this.#toGroup("Zoë {O'Neil}"), atMs);
    stage.received(await this.#to(LEA, ({ text }) => text.includes("Zoë {O'Neil}")), atMs);
    await this.#pause();
  }

  async #edit(): Promise<void> {
    const { stage, templates, log, clock, signal } = this.with_;
    stage.scene("The owner edits a text while the service runs");
    const before = await Deno.readTextFile(templates);
    const after = before.replace(/💸 New order alert!/, "🎉 Ka-ching, order from {client}!");
    if (after === before) throw new Error("the text to be edited is not in the templates file");
    const [loads, writtenMs] = [log.loads, clock.nowMs()];
    await Deno.writeTextFile(templates, after);
    stage.show("templates.yaml", "💸 New order alert!  →  🎉 Ka-ching, order from {client}!");
    await log.loadAfter(loads, PATIENCE_MS, signal);
    stage.tell(`In use after ${formatSpan(clock.nowMs() - writtenMs)}.`);
    const { atMs } = this.#insert({ client: "Ada Lindqvist", total: "7.20", ipAddress: "192.0.2.44" });
    const delivery = await this.#toGroup("Ada Lindqvist");
    if (!delivery.text.startsWith("🎉 Ka-ching")) throw new Error("the edited text was not used");
    stage.received(delivery, atMs);
    await this.#pause();
  }

  async #recovery(): Promise<void> {
    const { stage } = this.with_;
    stage.scene(`${MARC.name}'s new phone is ready`);
    stage.tell("The message that was refused is tried again by itself.");
    const readyMs = this.#marcIsBack();
    stage.received(await this.#to(MARC, () => true), readyMs);
    await this.#pause();
  }

  #marcIsBack(): number {
    if (this.#marcReadyMs === undefined) {
      this.#marcReadyMs = this.with_.clock.nowMs();
      this.with_.world.update({ people: worldOf()["people"] });
    }
    return this.#marcReadyMs;
  }

  /** The row that Léa's "Go!" made. */
  async #affiliate(): Promise<Affiliate> {
    const affiliates = await this.with_.store.affiliates.list({ limit: 10 });
    const lea = affiliates.find((affiliate) => affiliate.identity === `signal:aci:${LEA.uuid}`);
    if (lea === undefined) throw new Error("the registration is not in the affiliates table");
    return lea;
  }

  #insert(order: NewOrder): { readonly atMs: number } {
    const { shop, stage, clock } = this.with_;
    const atMs = clock.nowMs();
    const id = shop.insert(order);
    const token = order.token === undefined ? "" : `  ·  token ${order.token}`;
    stage.show(`orders + #${id}`, `${order.client}  ·  ${order.total}${token}`);
    return { atMs };
  }

  #to(person: Person, wanted: (delivery: Delivery) => boolean): Promise<Delivery> {
    return this.with_.feed.take(
      (delivery) => delivery.person?.uuid === person.uuid && wanted(delivery),
      `a message for ${person.name}`,
      PATIENCE_MS,
      this.with_.signal,
    );
  }

  #toGroup(text: string): Promise<Delivery> {
    return this.with_.feed.take(
      (delivery) => delivery.person === undefined && delivery.text.includes(text),
      `a message in ${GROUP.name}`,
      PATIENCE_MS,
      this.with_.signal,
    );
  }

  #pause(): Promise<void> {
    const { clock, pauseMs, signal } = this.with_;
    return clock.sleepMs(pauseMs, signal);
  }
}
