/**
 * The simulated Signal of a test: a folder that the fake signal-cli works on, people who write and receive, scripted
 * trouble, and the record of everything that was sent. The world in it is described in `lib/simulator/README.md`.
 *
 * ```ts
 * await using signal = await SimulatedSignal.create({ people: [{ number: "+15550100007", name: "Ada" }] });
 * // start the service with SIGNAL_CLI_PATH=signal.cliPath, SIGNAL_CLI_DATA_DIR=signal.dataDir, SIGNAL_NUMBER=signal.account
 * signal.says("+15550100007", "Go");
 * const [reply] = await signal.waitForSent(1);
 * ```
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { PATIENCE_MS } from "./recorder.ts";
import { until } from "./until.ts";

/** One line of `sent.jsonl`: what the service accepted. */
export interface Sent {
  readonly seq: number;
  readonly pid: number;
  readonly at_ms: number;
  readonly timestamp: number;
  readonly account: string;
  readonly kind: string;
  readonly to: { readonly uuid?: string; readonly number?: string | null; readonly group?: string };
  readonly body: string;
  readonly results: readonly { readonly type: string; readonly recipientAddress: Record<string, string | null> }[];
}

/** Top-level fields of `world.json`. */
export type WorldDescription = Readonly<Record<string, unknown>>;

export interface WaitOptions {
  /** Default {@link PATIENCE_MS}. */
  readonly timeoutMs?: number;
}

/** The account of every world that names none. */
export const ACCOUNT = "+15550100001";
/** Events of the file system are gathered for so long, so that a fast sender is not read line by line. */
const GATHER_MS = 2;
/** Looks without a notice, for file systems that send none. */
const POLL_MS = 50;

/** How a process was started; empty when there is none, also for one that ends while it is looked at. */
export function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}

export class SimulatedSignal implements AsyncDisposable {
  /** For `--data-dir` or `SIGNAL_CLI_DATA_DIR`. */
  readonly dataDir: string;
  /** The world's own folder in it. */
  readonly folder: string;
  /** A `signal-cli` that needs nothing of its environment but `/bin/sh`; also alone in its folder, for PATH. */
  readonly cliPath: string;
  readonly account: string;
  #description: WorldDescription;
  #offset = 0;
  #rest = "";
  readonly #sent: Sent[] = [];
  readonly #decoder = new TextDecoder();

  private constructor(dataDir: string, description: WorldDescription) {
    this.dataDir = dataDir;
    this.folder = `${dataDir}/simulator`;
    this.cliPath = `${dataDir}/bin/signal-cli`;
    this.#description = description;
    const [first] = description.accounts as readonly (string | { number: string })[];
    this.account = typeof first === "string" ? first : first!.number;
  }

  /** A new world in a temporary folder, with {@link ACCOUNT} unless `accounts` says another. Removed at disposal. */
  static async create(description: WorldDescription = {}): Promise<SimulatedSignal> {
    const dataDir = await Deno.makeTempDir({ prefix: "simulated-signal-" });
    const signal = new SimulatedSignal(dataDir, { accounts: [ACCOUNT], ...description });
    await Deno.mkdir(signal.folder);
    await Deno.mkdir(`${dataDir}/bin`);
    const fake = fileURLToPath(new URL("../fakes/signal-cli", import.meta.url));
    const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
    await Deno.writeTextFile(
      signal.cliPath,
      `#!/bin/sh\nSIGNAL_AUTOMATION_DENO=${quote(Deno.execPath())} exec ${quote(fake)} "$@"\n`,
      { mode: 0o755 },
    );
    for (const name of ["inbound.jsonl", "sent.jsonl"]) await Deno.writeTextFile(`${signal.folder}/${name}`, "");
    signal.update({});
    return signal;
  }

  /** Changes top-level fields of the world; in force with the next request that the simulator reads. */
  update(changes: WorldDescription): void {
    this.#description = { ...this.#description, ...changes };
    this.#replace("world.json", JSON.stringify(this.#description));
  }

  /** Replaces the fault rules; in force with the next request that the simulator reads. */
  script(rules: readonly Readonly<Record<string, unknown>>[]): void {
    this.#replace("faults.json", JSON.stringify(rules));
  }

  /** Makes or removes a file that a rule's `whileFile` looks for. */
  mark(name: string, present: boolean): void {
    if (present) Deno.writeTextFileSync(`${this.folder}/${name}`, "");
    else Deno.removeSync(`${this.folder}/${name}`);
  }

  /** Puts items into the server's queue, in one write. */
  push(...items: readonly Readonly<Record<string, unknown>>[]): void {
    const receivedAtMs = Date.now();
    const lines = items.map((item) => `${JSON.stringify({ receivedAtMs, ...item })}\n`).join("");
    Deno.writeTextFileSync(`${this.folder}/inbound.jsonl`, lines, { append: true });
  }

  /** Somebody writes to the account, or into a group. @param from number or service id */
  says(from: string, text: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.push({ from, text, ...more });
  }

  /** Everything accepted so far, oldest first. */
  sent(): readonly Sent[] {
    this.#read();
    return this.#sent;
  }

  /** What one person or group received, by number, service id or group id. */
  receivedBy(name: string): readonly Sent[] {
    return this.sent().filter(({ to }) => to.number === name || to.uuid === name || to.group === name);
  }

  /** Resolves when at least so many are accepted. Rejects at the deadline, saying how many were. */
  waitForSent(count: number, options: WaitOptions = {}): Promise<readonly Sent[]> {
    return this.waitFor((sent) => sent.length >= count, `${count} sent messages`, options);
  }

  /** Resolves with the record as soon as `enough` holds. Rejects at the deadline, naming `what`. */
  async waitFor(
    enough: (sent: readonly Sent[]) => boolean,
    what: string,
    options: WaitOptions = {},
  ): Promise<readonly Sent[]> {
    if (enough(this.sent())) return this.#sent;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Sent[]>();
    let gathering: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      gathering = undefined;
      if (enough(this.sent())) resolve(this.#sent);
    };
    const { timeoutMs = PATIENCE_MS } = options;
    const deadline = setTimeout(() => {
      reject(new Error(`waited ${timeoutMs} ms for ${what}; the record has ${this.sent().length}`));
    }, timeoutMs);
    const poll = setInterval(look, POLL_MS);
    const watcher = Deno.watchFs(`${this.folder}/sent.jsonl`);
    const watching = (async () => {
      for await (const _ of watcher) gathering ??= setTimeout(look, GATHER_MS);
    })();
    try {
      look();
      return await promise;
    } finally {
      clearTimeout(deadline);
      clearInterval(poll);
      watcher.close();
      await watching;
      clearTimeout(gathering);
    }
  }

  /** The simulator's process that took the account last, or undefined when none did. */
  pid(): number | undefined {
    try {
      return Number(Deno.readTextFileSync(`${this.folder}/pid`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** Kills the simulator. @returns whether it was alive */
  kill(signal: Deno.Signal = "SIGKILL"): boolean {
    const pid = this.pid();
    if (pid === undefined) return false;
    try {
      // Where it can be seen: the number may belong to somebody else by now.
      if (Deno.build.os === "linux" && !commandLine(pid).includes("/simulator/")) return false;
      Deno.kill(pid, signal);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Removes the folder. Processes are not ended: they belong to whoever started them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await until(async () => {
      try {
        await Deno.remove(this.dataDir, { recursive: true });
        return true;
      } catch (error) {
        // A process that is ending just now has written a file into it.
        if (error instanceof Error && /not empty/i.test(error.message)) return false;
        throw error;
      }
    }, "the folder to be left alone");
  }

  #replace(name: string, content: string): void {
    Deno.writeTextFileSync(`${this.folder}/${name}.next`, content);
    Deno.renameSync(`${this.folder}/${name}.next`, `${this.folder}/${name}`);
  }

  #read(): void {
    using file = Deno.openSync(`${this.folder}/sent.jsonl`);
    const size = file.statSync().size;
    if (size <= this.#offset) return;
    file.seekSync(this.#offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size - this.#offset);
    const count = file.readSync(bytes) ?? 0;
    this.#offset += count;
    this.#rest += this.#decoder.decode(bytes.subarray(0, count), { stream: true });
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#sent.push(JSON.parse(line) as Sent);
  }
}
