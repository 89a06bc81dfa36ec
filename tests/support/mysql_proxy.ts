/**
 * A wire between the service and a MySQL-compatible server that breaks where it is told to: it understands just enough of the
 * protocol to know a statement when it passes (packets of 3 bytes length, 1 byte number; COM_QUERY is 0x03; no TLS).
 *
 * @module
 */

/** What happens to a statement on its way. Always the end of its connection, but for `refuse`. */
export type Trouble =
  /** The connection ends before the server hears of it. */
  | { readonly type: "cut_before" }
  /** The server does it and answers; the connection ends before the answer is heard. */
  | { readonly type: "cut_after" }
  /** The first half of it reaches the server. */
  | { readonly type: "cut_in_request" }
  /** The first half of the answer's first packet is heard. */
  | { readonly type: "cut_in_answer" }
  /** Nothing moves for so long, with sockets open; then the connection ends. The server has not heard of it. */
  | { readonly type: "freeze_before"; readonly ms: number }
  /** The same, and the server did it. */
  | { readonly type: "freeze_after"; readonly ms: number }
  /**
   * It reaches the server so much later, or when the promise is kept, whether or not anybody still waits for it; the answer
   * does not come back.
   */
  | { readonly type: "late"; readonly ms: number | Promise<void> }
  /** The power of the client's host goes: the server hears nothing more, not even an end. */
  | { readonly type: "vanish" }
  /** A COMMIT: the server rolls back, and the answer is a deadlock (1213), as clusters that certify at COMMIT do. */
  | { readonly type: "refuse" };

const COM_QUERY = 0x03;
const HEADER_BYTES = 4;
/** Until the proxy ends. */
const FOR_EVER_MS = 3_600_000;

/** `end` closes both sides. */
interface Wire {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
  /** What is to be done with the next packet from the server. */
  onAnswer: ((packet: Uint8Array) => Promise<void>) | undefined;
  ended: boolean;
}

export class MysqlProxy implements AsyncDisposable {
  /** Asked for every statement. */
  decide: (sql: string) => Trouble | undefined = () => undefined;
  /** Troubles that happened, by type. */
  readonly happened = new Map<string, number>();
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #wires = new Set<Wire>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #timers = new Set<() => void>();

  constructor(private readonly target: { readonly host: string; readonly port: number }) {
    this.#go(this.#accept());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** The next statement that fits meets the trouble; then none does. */
  once(fits: RegExp, trouble: Trouble): void {
    this.decide = (sql) => {
      if (!fits.test(sql)) return undefined;
      this.decide = () => undefined;
      return trouble;
    };
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      client.setNoDelay(true);
      let server: Deno.TcpConn;
      try {
        server = await Deno.connect({ hostname: this.target.host, port: this.target.port });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        client.close(); // as a server that is not there would
        continue;
      }
      server.setNoDelay(true);
      const wire: Wire = { client, server, onAnswer: undefined, ended: false };
      this.#wires.add(wire);
      this.#go(this.#requests(wire));
      this.#go(this.#answers(wire));
    }
  }

  async #requests(wire: Wire): Promise<void> {
    for await (const packet of packets(wire.client)) {
      const sql = statementOf(packet);
      const trouble = sql === undefined ? undefined : this.decide(sql);
      if (trouble === undefined) {
        if (!await write(wire.server, packet)) break;
        continue;
      }
      this.happened.set(trouble.type, (this.happened.get(trouble.type) ?? 0) + 1);
      if (!await this.#befall(wire, packet, trouble)) return;
    }
    this.#end(wire);
  }

  /** @returns whether the connection goes on */
  async #befall(wire: Wire, packet: Uint8Array, trouble: Trouble): Promise<boolean> {
    const onceAnswered = (then: (answer: Uint8Array) => Promise<void>) => {
      wire.onAnswer = async (answer) => {
        wire.onAnswer = () => Promise.resolve();
        await then(answer);
      };
    };
    const cut = () => Promise.resolve(this.#end(wire));
    const frozen = async (ms: number) => {
      await this.#sleep(ms);
      this.#end(wire);
    };
    switch (trouble.type) {
      case "cut_before":
        await cut();
        return false;
      case "cut_after":
        onceAnswered(cut);
        break;
      case "cut_in_request":
        await write(wire.server, packet.subarray(0, Math.ceil(packet.length / 2)));
        await cut();
        return false;
      case "cut_in_answer":
        onceAnswered(async (answer) => {
          await write(wire.client, answer.subarray(0, Math.ceil(answer.length / 2)));
          await cut();
        });
        break;
      case "vanish":
        await frozen(FOR_EVER_MS);
        return false;
      case "freeze_before":
        await frozen(trouble.ms);
        return false;
      case "freeze_after":
        onceAnswered(() => frozen(trouble.ms));
        break;
      case "late":
        if (typeof trouble.ms === "number") await this.#sleep(trouble.ms);
        else await Promise.race([trouble.ms, this.#sleep(FOR_EVER_MS)]);
        onceAnswered(cut);
        break;
      case "refuse":
        onceAnswered(async () => {
          wire.onAnswer = undefined;
          await write(wire.client, DEADLOCK);
        });
        return await write(wire.server, query("ROLLBACK"));
    }
    // What the client still sends after this is not for the server.
    if (await write(wire.server, packet)) { for await (const _ of packets(wire.client)) if (wire.ended) break; }
    return false;
  }

  async #answers(wire: Wire): Promise<void> {
    for await (const packet of packets(wire.server)) {
      if (wire.onAnswer !== undefined) await wire.onAnswer(packet);
      else if (!await write(wire.client, packet)) break;
    }
    this.#end(wire);
  }

  #end(wire: Wire): void {
    if (wire.ended) return;
    wire.ended = true;
    this.#wires.delete(wire);
    wire.client.close();
    wire.server.close();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#timers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#timers.add(wake);
    });
  }

  #go(work: Promise<unknown>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const wake of [...this.#timers]) wake();
    for (const wire of [...this.#wires]) this.#end(wire);
    await Promise.all(this.#running);
  }
}

/** Whole packets, header included, until the connection ends. */
async function* packets(from: Deno.TcpConn): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(0);
  const chunk = new Uint8Array(64 * 1024);
  while (true) {
    const count = await read(from, chunk);
    if (count === undefined) return;
    const grown = new Uint8Array(held.length + count);
    grown.set(held);
    grown.set(chunk.subarray(0, count), held.length);
    let at = 0;
    while (grown.length - at >= HEADER_BYTES) {
      const length = grown[at]! | grown[at + 1]! << 8 | grown[at + 2]! << 16;
      const end = at + HEADER_BYTES + length;
      if (end > grown.length) break;
      yield grown.slice(at, end);
      at = end;
    }
    held = grown.slice(at);
  }
}

/** The statement's text, without what a newer protocol puts before it; undefined for any other packet. */
function statementOf(packet: Uint8Array): string | undefined {
  // The login's packets have numbers of their own: a command begins at 0.
  if (packet[3] !== 0 || packet[HEADER_BYTES] !== COM_QUERY) return undefined;
  return new TextDecoder("latin1").decode(packet.subarray(HEADER_BYTES + 1)).replace(/^[^A-Za-z]*/, "");
}

function query(sql: string): Uint8Array {
  return framed(0, Uint8Array.of(COM_QUERY, ...new TextEncoder().encode(sql)));
}

function framed(number: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  return Uint8Array.of(length & 0xff, length >> 8 & 0xff, length >> 16, number, ...payload);
}

/** ERR 1213, SQLSTATE 40001. */
const DEADLOCK = framed(
  1,
  Uint8Array.of(
    0xff,
    1213 & 0xff,
    1213 >> 8,
    ...new TextEncoder().encode("#40001Deadlock found when trying to get lock"),
  ),
);

async function read(from: Deno.TcpConn, into: Uint8Array): Promise<number | undefined> {
  try {
    return await from.read(into) ?? undefined;
  } catch (error) {
    if (error instanceof Error) return undefined; // reset, or closed by us
    throw error;
  }
}

/** @returns false when the other side is gone */
async function write(to: Deno.TcpConn, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
