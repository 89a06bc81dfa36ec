/** `send` @module */
import { ownerGroup } from "../../app/owner_group.ts";
import type { Config } from "../../config/config.ts";
import {
  type Address,
  isPhoneNumber,
  isServiceId,
  isSignalGroupId,
  makeAci,
  makeGroup,
  makeSignalAccount,
  makeTel,
} from "../../domain/address.ts";
import type { MessageState, OutgoingMessage } from "../../domain/message.ts";
import { IdempotencyConflict } from "../../store/faults.ts";
import type { OutboxStory, Store } from "../../store/port.ts";
import { type CliContext, type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { readInput } from "../read_input.ts";
import { printJson } from "../screen/json.ts";
import { formatSpan } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { STATE_TEXTS } from "../story/names.ts";
import { reasonText } from "../story/reasons.ts";
import { notAccepted, span } from "./shared.ts";

/** Bytes of one text: thirty times what Signal shows without "read more", and nothing that a person writes by hand. */
const LONGEST_TEXT_BYTES = 65_536;
const LONGEST_KEY = 128;
const WAIT_MS = 60_000;
const LOOK_MS = 200;
const OWNER = "owner";
const FINISHED: readonly MessageState[] = ["accepted", "delivered", "read", "dead", "dropped"];

export const sendCommand: CommandSpec = {
  path: ["send"],
  summary: "Send one message through the outbox",
  details:
    "It is stored and goes out like every other message: in its order, paced, tried again, and explained by its id. " +
    "Works while the service does not run; it is sent then when it does. With --key the same message may be given " +
    "again and is sent once. A text that others on this machine must not see in the list of processes comes " +
    "from standard input. With --wait: exit 0 when Signal accepted it, 1 when it was given up, 3 when neither happened in time.",
  arguments: [{ name: "[text]", description: "the text, or - for standard input (default)" }],
  options: [
    { flags: "--to <who>", description: "a person: number as +33123456789, or service id" },
    { flags: "--group <id>", description: "a group by its id, or owner for the one of SIGNAL_GROUP_ID" },
    { flags: "--key <key>", description: "stored once for this key, within 60 days at least" },
    { flags: "--wait [time]", description: "wait until it is accepted or given up (default: 60s)" },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation send --group owner Hello", meaning: "prints the message's id" },
    { line: "signal-automation send --to +33199000104 --key note-7 --json - < LICENSE", meaning: "from a file, once" },
  ],
  async run(invocation, context) {
    const waitMs = invocation.flag("wait") ? WAIT_MS : span(invocation.text("wait"), "--wait");
    const key = keyOf(invocation);
    const body = await bodyOf(invocation, context);
    return await withStore(invocation, context, async (store, config) => {
      const recipient = recipientOf(invocation, config);
      const id = await enqueue(store, messageOf(config, recipient, body, key, context));
      if (waitMs === undefined) return tellStored(id, invocation, context);
      return tellEnd(id, await waitFor(store, id, waitMs, context), waitMs, invocation, context);
    });
  },
};

function keyOf(invocation: Invocation): string | undefined {
  const key = invocation.text("key");
  if (key === undefined || (key.length > 0 && key.length <= LONGEST_KEY && /^[\x21-\x7e]+$/.test(key))) return key;
  throw notAccepted("--key", `1 to ${LONGEST_KEY} letters, digits and signs without blanks`);
}

async function bodyOf(invocation: Invocation, { terminal }: CliContext): Promise<string> {
  const given = invocation.text("text");
  if (given === undefined && terminal.interactive) {
    throw new CliProblem(EXIT.usage, "the text is missing", { next: 'signal-automation send --to NUMBER "text"' });
  }
  const text = given === undefined || given === "-"
    // The line break that ends a file is no part of the message.
    ? (await readInput(terminal, LONGEST_TEXT_BYTES)).replace(/\r?\n$/, "")
    : given;
  if (text.trim() === "") throw new CliProblem(EXIT.usage, "the text is empty");
  return text;
}

function recipientOf(invocation: Invocation, config: Config): Address {
  const [to, group] = [invocation.text("to"), invocation.text("group")];
  if ((to === undefined) === (group === undefined)) {
    throw new CliProblem(EXIT.usage, "one of --to and --group says for whom it is");
  }
  if (group !== undefined) {
    if (group === OWNER) return ownerGroup(config);
    if (isSignalGroupId(group)) return makeGroup(group);
    throw notAccepted("--group", `${OWNER}, or an id as signal-automation groups shows it`);
  }
  const number = to!.replace(/[\s().-]/g, "");
  if (isPhoneNumber(number)) return makeTel(number);
  if (isServiceId(to!.toLowerCase())) return makeAci(to!);
  throw notAccepted("--to", "a number with its country code, as +33123456789, or a service id (a UUID)");
}

function messageOf(
  config: Config,
  recipient: Address,
  body: string,
  key: string | undefined,
  { random }: CliContext,
): OutgoingMessage {
  const bytes = new Uint8Array(12);
  random.bytes(bytes);
  return {
    account: makeSignalAccount(config.signal.number),
    recipient,
    body,
    kind: "api",
    origin: { kind: "api", key: key ?? bytes.toHex(), generation: 1 },
    // Of its own, so that no key of anything else is met.
    ...(key !== undefined && { idempotencyKey: `send:${key}` }),
  };
}

/** @throws {CliProblem} `failed` when the key belongs to another message */
async function enqueue(store: Store, message: OutgoingMessage): Promise<number> {
  try {
    const [id] = await store.outbox.enqueue([message]);
    return id!;
  } catch (error) {
    if (!(error instanceof IdempotencyConflict)) throw error;
    throw new CliProblem(EXIT.failed, "this --key belongs to another message already, and nothing was stored", {
      next: `signal-automation explain ${error.outboxId}`,
      cause: error,
    });
  }
}

/** @returns what became of it so far; a known key may mean a message that was replayed since */
async function waitFor(store: Store, asked: number, waitMs: number, { clock }: CliContext) {
  const id = (await store.outbox.replaysOf(asked)).at(-1)?.newId ?? asked;
  const untilMs = clock.monotonicMs() + waitMs;
  while (true) {
    const found = await store.outbox.find(id);
    if (found === undefined || FINISHED.includes(found.state) || clock.monotonicMs() >= untilMs) return found;
    await clock.sleepMs(LOOK_MS);
  }
}

function tellStored(id: number, invocation: Invocation, { terminal }: CliContext): ExitCode {
  if (invocation.flag("json")) printJson(terminal, { id });
  else terminal.out(`${id}\n`);
  return EXIT.done;
}

function tellEnd(
  id: number,
  found: OutboxStory | undefined,
  waitMs: number,
  invocation: Invocation,
  { terminal }: CliContext,
): ExitCode {
  const state = found?.state;
  const exit = state === undefined || state === "dead" || state === "dropped"
    ? EXIT.failed
    : FINISHED.includes(state)
    ? EXIT.done
    : EXIT.dependencyDown;
  if (invocation.flag("json")) {
    printJson(terminal, { id, state: state ?? null, reason: found?.reason ?? null });
    return exit;
  }
  const next = `signal-automation explain ${id}`;
  if (found === undefined) throw new CliProblem(exit, `message ${id} is finished and was removed since`, { next });
  const what = `message ${id} ${STATE_TEXTS[found.state]}`;
  if (exit === EXIT.done) {
    terminal.out(`${what}\n`);
    return exit;
  }
  const details = exit === EXIT.failed ? [reasonText(found.reason).what] : [`waited ${formatSpan(waitMs)}`];
  throw new CliProblem(exit, what, { details, next });
}
