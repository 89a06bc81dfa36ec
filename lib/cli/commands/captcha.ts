/** `captcha` @module */
import { oneShot } from "../../channels/signal/one_shot.ts";
import { submitProof } from "../../channels/signal/proof.ts";
import type { ProofOutcome } from "../../channels/channel.ts";
import type { Config } from "../../config/config.ts";
import { type AccountId, makeSignalAccount } from "../../domain/address.ts";
import { AccountPause } from "../../outbox/pause.ts";
import { ProofRequests } from "../../outbox/proof_requests.ts";
import type { Store } from "../../store/port.ts";
import { type CliContext, type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { readInput } from "../read_input.ts";
import { printJson } from "../screen/json.ts";
import { signalOptions } from "../signal.ts";
import { withStore } from "../store.ts";

const PAGE = "https://signalcaptchas.org/challenge/generate.html";
/** How long the running service may take: it looks once per POLL_INTERVAL_SECONDS, and Signal's servers take their time. */
const ANSWER_TIMEOUT_MS = 60_000;
const LOOK_MS = 200;
/** A link has some thousand characters; more is something else. */
const LONGEST_LINK = 20_000;
const LINK = /^(?:signalcaptcha:\/\/)?signal-[a-z0-9-]+\.[\x21-\x7e]+$/;

export const captchaCommand: CommandSpec = {
  path: ["captcha"],
  summary: "Hand in the captcha that Signal asks for",
  details:
    `Open ${PAGE}, solve the captcha, and copy the link of "Open Signal" (signalcaptcha://…). It is asked for, ` +
    "or read from standard input, and handed to the running service, which sends on at once. Without one, signal-cli is " +
    "started for it. A link is good once and for a few minutes, and should be solved from this server's address or near it.",
  arguments: [{
    name: "[link]",
    description: "the link, or - for standard input (default: asked for, or standard input)",
  }],
  options: [
    { flags: "--challenge <token>", description: "the challenge's token (default: what the last refused send named)" },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation captcha", meaning: "asks for the link" },
    { line: "signal-automation captcha --json", meaning: "for programs: the link on standard input" },
  ],
  run(invocation, context) {
    return withStore(invocation, context, async (store, config) => {
      const account = makeSignalAccount(config.signal.number);
      const requests = new ProofRequests(store.state, account);
      const served = (await store.leases.list()).some((one) =>
        one.name === `account:${account}` && one.expiresInMs > 0
      );
      const challenge = await challengeOf(invocation, requests, served);
      const solution = await readLink(invocation, context);
      const outcome = served
        ? await throughService(requests, { challenge, solution }, context)
        : await directly(store, config, account, { challenge, solution }, context);
      return tell(outcome, served, invocation, context);
    });
  },
};

interface Solved {
  readonly challenge: string;
  readonly solution: string;
}

/** @throws {CliProblem} `failed` when there is nothing to prove, or nobody knows for which challenge */
async function challengeOf(invocation: Invocation, requests: ProofRequests, served: boolean): Promise<string> {
  const given = invocation.text("challenge");
  const stands = await requests.challenge();
  // The service looks for a solution only while it was asked for one.
  if (stands === undefined && (served || given === undefined)) {
    throw new CliProblem(EXIT.failed, "Signal asks for no captcha just now", {
      details: ["It asks when a message is refused for that reason; the admin is told then."],
      next: "signal-automation health",
    });
  }
  if (given !== undefined) return given;
  if (typeof stands === "string") return stands;
  throw new CliProblem(EXIT.failed, "Signal asked for a captcha without naming its challenge", {
    details: ["The next try to a single person usually names it."],
    next: "Wait for that and run this again, or give it: signal-automation captcha --challenge TOKEN",
  });
}

/** @throws {CliProblem} `usage` for what is no link; it is not repeated */
async function readLink(invocation: Invocation, { terminal }: CliContext): Promise<string> {
  const given = invocation.text("link");
  let text: string | undefined;
  if (given !== undefined && given !== "-") {
    terminal.err("note: other users of this machine can see arguments; without one the link is asked for\n");
    text = given;
  } else if (given === undefined && terminal.interactive) {
    terminal.err(`Open ${PAGE}\nSolve the captcha, copy the link of "Open Signal", and paste it here.\n`);
    // Hidden, because a terminal cuts what is shown at 4096 characters, and these links are nearly as long.
    text = await terminal.ask("Link (not shown): ", { hidden: true });
  } else {
    text = await readInput(terminal, LONGEST_LINK);
  }
  const link = (text ?? "").trim().replace(/^(["'])(.*)\1$/, "$2");
  if (link.length <= LONGEST_LINK && LINK.test(link)) return link;
  throw new CliProblem(EXIT.usage, link === "" ? "no link was given" : "that is not the link of a solved captcha", {
    details: ["accepted: signalcaptcha://signal-hcaptcha.….challenge.…, the whole link in one line"],
    next: `Copy it from ${PAGE} with the right mouse button on "Open Signal".`,
  });
}

/** The account is the running service's; it takes the request, hands it in and answers. */
async function throughService(
  requests: ProofRequests,
  solved: Solved,
  { clock, random }: CliContext,
): Promise<ProofOutcome | "not_taken"> {
  const bytes = new Uint8Array(12);
  random.bytes(bytes);
  const id = bytes.toHex();
  await requests.ask({ id, ...solved });
  const untilMs = clock.monotonicMs() + ANSWER_TIMEOUT_MS;
  while (clock.monotonicMs() < untilMs) {
    await clock.sleepMs(LOOK_MS);
    const outcome = await requests.answerTo(id);
    if (outcome !== undefined) return outcome;
  }
  // A link that nobody took must not be handed in hours later.
  await requests.withdraw();
  return "not_taken";
}

/** Nobody holds the account: a process of our own, and the next start of the service finds no pause. */
async function directly(
  store: Store,
  config: Config,
  account: AccountId,
  { challenge, solution }: Solved,
  context: CliContext,
): Promise<ProofOutcome> {
  const outcome = await oneShot(signalOptions(config, context), ({ rpc }) => submitProof(rpc, challenge, solution));
  if (outcome !== "accepted") return outcome;
  const { circuitBreakerThreshold: threshold, circuitBreakerCooldownMs: cooldownMs } = config.delivery;
  const pause = new AccountPause(account, context.clock, context.random, { threshold, cooldownMs });
  pause.lift();
  await pause.save(store.state);
  await new ProofRequests(store.state, account).clearChallenge();
  return outcome;
}

const TEXTS: Readonly<Record<ProofOutcome | "not_taken", readonly [exit: ExitCode, what: string, next?: string]>> = {
  accepted: [EXIT.done, "Signal accepted it; messages go on"],
  rejected: [
    EXIT.failed,
    "Signal rejected it: too old, used before, or solved from another address",
    `Solve a new one at ${PAGE}, from this server's address if that can be done, and hand it in within a minute or two.`,
  ],
  not_submitted: [EXIT.dependencyDown, "signal-cli could not hand it in", "signal-automation doctor"],
  channel_down: [EXIT.dependencyDown, "signal-cli is not ready, so it was not handed in", "signal-automation doctor"],
  no_answer: [
    EXIT.dependencyDown,
    "it was handed in, but no answer came; it may have been accepted",
    "signal-automation health   shows whether messages go out again",
  ],
  not_taken: [
    EXIT.dependencyDown,
    "the instance that holds the account did not take it within a minute",
    "signal-automation health",
  ],
};

function tell(
  outcome: ProofOutcome | "not_taken",
  served: boolean,
  invocation: Invocation,
  { terminal }: CliContext,
): ExitCode {
  const [exit, what, next] = TEXTS[outcome];
  if (invocation.flag("json")) {
    printJson(terminal, { ok: exit === EXIT.done, outcome, by: served ? "service" : "signal-cli" });
    return exit;
  }
  if (exit !== EXIT.done) throw new CliProblem(exit, what, next === undefined ? {} : { next });
  terminal.out(`${what}${served ? "" : " when the service runs"}\n`);
  return exit;
}
