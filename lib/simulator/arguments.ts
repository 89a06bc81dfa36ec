/**
 * The command line, as signal-cli's parser takes it: global options come before the subcommand, each subcommand
 * knows only its own (facts: signal.md §1.1).
 *
 * @module
 */

export interface Arguments {
  /** Undefined with `--version` and `--help`. */
  readonly command: string | undefined;
  readonly global: Readonly<Record<string, string | true>>;
  readonly options: Readonly<Record<string, string | true>>;
  readonly positional: readonly string[];
}

/** Exit 1, before any account or network is touched. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** How many words an option takes: `flag` none, `one` one, `many` all up to the next option. */
type Arity = "flag" | "one" | "many";
interface Spec {
  readonly names: Readonly<Record<string, { readonly key: string; readonly arity: Arity }>>;
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  readonly positional: boolean;
}

function spec(lines: string, positional = false, choices: Record<string, readonly string[]> = {}): Spec {
  const names: Record<string, { key: string; arity: Arity }> = {};
  for (const line of lines.split("\n").map((each) => each.trim()).filter((each) => each !== "")) {
    const [arity, key, ...aliases] = line.split(" ") as [Arity, string, ...string[]];
    for (const alias of aliases) names[alias] = { key, arity };
  }
  return { names, positional, choices };
}

const GLOBAL = spec(
  `
  one account -a --account -u --username
  one output -o --output
  one data-dir -d --data-dir -c --config
  one service-environment --service-environment
  one trust-new-identities --trust-new-identities
  one log-file --log-file
  one bus-name --bus-name
  flag verbose -v --verbose
  flag scrub-log --scrub-log
  flag disable-send-log --disable-send-log
  flag dbus --dbus
  flag dbus-system --dbus-system
  flag version --version
  flag help -h --help
`,
  false,
  {
    output: ["plain-text", "json"],
    "service-environment": ["live", "staging"],
    "trust-new-identities": ["on-first-use", "always", "never"],
  },
);

const IGNORES = `
  flag ignore-attachments --ignore-attachments
  flag ignore-stories --ignore-stories
  flag ignore-avatars --ignore-avatars
  flag ignore-stickers --ignore-stickers
  flag send-read-receipts --send-read-receipts
`;
const RECEIVE_MODES = { "receive-mode": ["on-start", "on-connection", "manual"] };

/** The subcommands whose options the parser knows. What the program can carry out is another question. */
const COMMANDS: Readonly<Record<string, Spec>> = {
  jsonRpc: spec(`${IGNORES}\none receive-mode --receive-mode`, false, RECEIVE_MODES),
  listAccounts: spec(""),
  link: spec("one name -n --name"),
  version: spec(""),
  receive: spec(`${IGNORES}\none timeout -t --timeout\none max-messages --max-messages`),
  send: spec(
    `
    many group-id -g --group-id --group
    many username -u --username
    many attachment -a --attachment
    one message -m --message
    flag message-from-stdin --message-from-stdin
    flag note-to-self --note-to-self
    flag notify-self --notify-self
    flag end-session -e --end-session
  `,
    true,
  ),
  daemon: spec(
    `${IGNORES}
    one receive-mode --receive-mode
    many socket --socket
    many tcp --tcp
    many http --http
    flag dbus --dbus
    flag dbus-system --dbus-system
    flag no-receive-stdout --no-receive-stdout
  `,
    false,
    RECEIVE_MODES,
  ),
};

/** @throws {UsageError} with the text that goes to standard error */
export function parseArguments(args: readonly string[]): Arguments {
  const global: Record<string, string | true> = {};
  let at = 0;
  while (at < args.length && args[at]!.startsWith("-")) at = takeOption(GLOBAL, args, at, global);
  if (global.version || global.help) return { command: undefined, global, options: {}, positional: [] };
  const command = args[at++];
  if (command === undefined) {
    throw new UsageError("usage: signal-cli [options] command\nsignal-cli: error: too few arguments");
  }
  const own = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (own === undefined) throw new UsageError(`signal-cli: error: invalid choice: '${command}'`);
  const options: Record<string, string | true> = {};
  const positional: string[] = [];
  while (at < args.length) {
    const word = args[at]!;
    if (isOption(word)) {
      at = takeOption(own, args, at, options);
    } else if (own.positional) {
      positional.push(word);
      at++;
    } else {
      throw new UsageError(unrecognized(command, word));
    }
  }
  return { command, global, options, positional };

  function takeOption(
    known: Spec,
    words: readonly string[],
    from: number,
    into: Record<string, string | true>,
  ): number {
    const word = words[from]!;
    const cut = word.startsWith("--") ? word.indexOf("=") : -1;
    const name = cut === -1 ? word : word.slice(0, cut);
    const found = Object.hasOwn(known.names, name) ? known.names[name] : prefixed(known, name);
    if (found === undefined) throw new UsageError(unrecognized(args[at - 1] ?? "", word));
    if (found.arity === "flag") {
      into[found.key] = true;
      return from + 1;
    }
    let next = from + 1;
    let value: string;
    if (cut !== -1) {
      value = word.slice(cut + 1);
    } else if (found.arity === "many") {
      const taken: string[] = [];
      while (next < words.length && !isOption(words[next]!)) taken.push(words[next++]!);
      value = taken.join("\n");
    } else {
      if (next >= words.length || isOption(words[next]!)) {
        throw new UsageError(`signal-cli: error: argument ${name}: expected one argument`);
      }
      value = words[next++]!;
    }
    const choices = known.choices?.[found.key];
    if (choices && !choices.includes(value)) {
      throw new UsageError(
        `signal-cli: error: argument ${name}: invalid choice: '${value}' (choose from {${choices.join(",")}})`,
      );
    }
    into[found.key] = value;
    return next;
  }
}

function prefixed(known: Spec, name: string): { key: string; arity: Arity } | undefined {
  if (!name.startsWith("--")) return undefined;
  const found = Object.keys(known.names).filter((each) => each.startsWith(name));
  return found.length === 1 ? known.names[found[0]!] : undefined;
}

/** A negative number is a value, everything else with a dash is an option. */
function isOption(word: string): boolean {
  return word.startsWith("-") && word.length > 1 && !/^-\d+(\.\d+)?$/.test(word);
}

function unrecognized(command: string, word: string): string {
  return `usage: signal-cli ${command} [-h]\nsignal-cli: error: unrecognized arguments: '${word}'`;
}
