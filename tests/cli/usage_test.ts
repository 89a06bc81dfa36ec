import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { describeFailure, sortError, traceOf } from "../../lib/cli/problem.ts";
import { painter } from "../../lib/cli/screen/paint.ts";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { ChannelUnavailable, ConfigError, StoreUnavailable } from "../../lib/domain/errors.ts";
import { cli, goodSettings, inShop, ROOT, VERSION } from "./support.ts";

Deno.test("Without a command the help is shown and the exit code says that nothing was done", async () => {
  const { exit, out, err } = await cli([]);
  assert.equal(exit, 2);
  assert.match(out, /^Usage: signal-automation/);
  assert.equal(err, "");
});

Deno.test("Slips are refused with a suggestion, exit 2, and no stack trace", async () => {
  const cases: [string[], RegExp][] = [
    [["chekc"], /did you mean check\?/],
    [["templates", "lst"], /did you mean list\?[\s\S]*signal-automation templates --help/],
    [["templates"], /templates: a word is missing[\s\S]*templates list, templates preview/],
    [["check", "--jsn"], /did you mean --json\?[\s\S]*signal-automation check --help/],
    [["templates", "preview"], /missing required argument 'key'/],
    [["version", "extra"], /too many arguments/],
    [["check", "--env-file"], /argument missing/],
  ];
  for (const [args, expected] of cases) {
    const { exit, out, err } = await cli(args);
    assert.equal(exit, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, expected);
    assert.doesNotMatch(err, /\n\s+at /);
  }
});

Deno.test("--version and version say the same version", async () => {
  assert.deepEqual(await cli(["--version"]), { exit: 0, out: `${VERSION}\n`, err: "" });
  assert.match((await cli(["version"])).out, new RegExp(`^signal-automation ${VERSION} \\(from source, Deno `));
  assert.equal(JSON.parse((await cli(["version", "--json"])).out).version, VERSION);
});

for (const command of COMMANDS) {
  const name = command.path.join(" ");
  Deno.test(`${name} --help fits 80 columns and has examples`, async () => {
    const { exit, out } = await cli([...command.path, "--help"]);
    assert.equal(exit, 0);
    for (const line of out.split("\n")) assert.ok(widthOf(line) <= 80, line);
    assert.ok(command.examples.length > 0);
    for (const { line } of command.examples) assert.ok(out.includes(line), line);
  });
}

Deno.test("Every command that prints data knows --json", () => {
  const without = COMMANDS.filter(({ options = [] }) => !options.some(({ flags }) => flags === "--json"));
  assert.deepEqual(without.map(({ path }) => path.join(" ")), ["run", "demo"]);
});

/** Examples that a test of their own runs, since they do not end by themselves or take long. */
const ELSEWHERE = ["signal-automation run", "signal-automation demo"];
/** What the example leaves to its surroundings decides the exit code. */
const EXITS: Readonly<Record<string, number>> = { health: 3, groups: 3, doctor: 3, link: 3, captcha: 1 };

Deno.test("The table of scripts/README.md says of every command what it needs", async () => {
  const text = await Deno.readTextFile(join(ROOT, "scripts", "README.md"));
  const table = text.slice(
    text.indexOf("### What each command needs"),
    text.indexOf("### Compiling for another machine"),
  );
  const cells = table.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1]!);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([a-z ]+)/g)].map(([, words]) => words!.trim()));
  const missing = COMMANDS.map(({ path }) => path.join(" ")).filter((path) =>
    !named.some((name) => path === name || path.startsWith(`${name} `))
  );
  assert.deepEqual(missing, []);
});

Deno.test("Every example of every --help works as it stands", async (t) => {
  await inShop(async ({ folder, envFile }) => {
    const env = goodSettings(folder);
    await cli(["migrate", "--env-file", envFile]);
    await seed(join(folder, "state", "signal-automation.db"));
    for (const { path, examples } of COMMANDS) {
      for (const { line } of examples) {
        if (ELSEWHERE.some((one) => line === one || line.startsWith(`${one} -`) || line.startsWith(`${one} order`))) {
          continue;
        }
        await t.step(line, async () => {
          // What stands behind | or || belongs to the shell.
          const [own = "", input] = line.split(/ \|\|? /)[0]!.split(" < ");
          const args = own.split(" ").slice(1).map((word) =>
            word === "./.env"
              ? envFile
              : word === "./shop-monday.db"
              ? join(folder, word)
              : word.startsWith("templates/")
              ? join(ROOT, word)
              : word
          );
          const stdin = input === undefined ? undefined : await Deno.readTextFile(join(ROOT, input));
          const { exit, err } = await cli(args, { env, ...(stdin !== undefined && { stdin }) });
          assert.equal(exit, EXITS[path[0]!] ?? 0, err);
        });
      }
    }
  });
});

async function seed(database: string): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(database);
  db.exec("INSERT INTO orders (client, total) VALUES ('Noor', '12.50')");
  db.exec("INSERT INTO affiliates (phone_number, token) VALUES ('+33199000104', 'ABCDEFGHIJKL')");
  // Two dead messages and one that waits.
  const columns = "state, reason, account, lane, due_at_ms, expires_at_ms, kind, origin_kind, origin_key, " +
    "origin_generation, created_at_ms, recipient, body";
  for (const [state, reason] of [["dead", "'unregistered'"], ["dead", "'expired'"], ["queued", "NULL"]]) {
    db.exec(
      `INSERT INTO outbox (${columns}) VALUES ('${state}', ${reason}, 'signal:+33199000100', 'a', 0, 9999999999999,
         'alert', 'alert', 'test', 1, 0, 'signal:tel:+33199000103', 'text')`,
    );
  }
  db.close();
}

Deno.test("Errors are sorted by who can act", () => {
  const cases: [unknown, number][] = [
    [new ConfigError("X", "wrong", "right"), 2],
    [new StoreUnavailable("unreachable", "gone"), 3],
    [new StoreUnavailable("timeout", "slow"), 3],
    [new StoreUnavailable("denied", "no"), 2],
    [new StoreUnavailable("schema", "old"), 2],
    [new ChannelUnavailable("locked", "locked"), 3],
    [new Deno.errors.PermissionDenied("no"), 2],
    [new Deno.errors.NotCapable("no"), 2],
    [new Error("boom"), 1],
    ["text", 1],
  ];
  for (const [error, exit] of cases) {
    const failure = sortError(error);
    assert.equal(failure.exit, exit, String(error));
    const block = describeFailure(failure, painter(false), 80);
    assert.match(block, /^error: /);
    assert.doesNotMatch(block, /\n\s+at /);
  }
});

Deno.test("traceOf() shows the causes too, for DEBUG", () => {
  const trace = traceOf(new Error("outer", { cause: new Error("inner") }));
  assert.match(trace, /outer[\s\S]*caused by: [\s\S]*inner/);
});
