/** The permissions, proven from inside a compiled program that has the same flags as the product. */
import assert from "node:assert/strict";
import { deploymentGrants, GENERAL_GRANTS, type Grants } from "../../lib/config/permissions.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { compile } from "../../scripts/compile.ts";
import { inFolder, ROOT, run, useRuntime } from "./support.ts";

type Attempt = readonly [kind: string, target: string];

/** A shop's folder with programs on its PATH, a socket, and two listeners; only what the settings name is meant to be reached. */
interface Place extends Disposable {
  readonly folder: string;
  readonly databasePort: number;
  readonly otherPort: number;
  readonly env: Record<string, string>;
}

async function place(folder: string): Promise<Place> {
  for (const name of ["bin", "elsewhere", "state", "run", "texts", "cwd"]) await Deno.mkdir(`${folder}/${name}`);
  for (const name of ["signal-cli", "other"]) {
    await Deno.writeTextFile(`${folder}/bin/${name}`, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  }
  await Deno.writeTextFile(`${folder}/elsewhere/secret`, "x");
  await Deno.writeTextFile(`${folder}/elsewhere/module.js`, "export {}");
  await Deno.symlink(`${folder}/elsewhere/secret`, `${folder}/cwd/link`);
  const listeners = [listener(), listener()];
  const sockets = ["own", "other"].map((name) => Deno.listen({ transport: "unix", path: `${folder}/${name}.sock` }));
  for (const socket of sockets) takeAll(socket);
  return {
    folder,
    databasePort: listeners[0]!.addr.port,
    otherPort: listeners[1]!.addr.port,
    env: { PATH: `${folder}/bin:/usr/bin:/bin`, AWS_SECRET_ACCESS_KEY: "x", DB_PASSWORD: "x" },
    [Symbol.dispose]: () => {
      for (const open of [...listeners, ...sockets]) open.close();
    },
  };
}

function listener(): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  takeAll(listener);
  return listener;
}

/** Accepts and closes until the listener is closed. */
async function takeAll(listener: AsyncIterable<Disposable>): Promise<void> {
  for await (const connection of listener) connection[Symbol.dispose]();
}

async function probe(grants: Grants, here: Place): Promise<(attempts: readonly Attempt[]) => Promise<string[]>> {
  await useRuntime();
  const out = `${here.folder}/probe`;
  await compile({ root: ROOT, entry: "tests/scripts/probe.ts", out, grants });
  return async (attempts) => {
    const { code, out: text, err } = await run(out, attempts.map((one) => JSON.stringify(one)), {
      cwd: `${here.folder}/cwd`,
      env: here.env,
    });
    assert.equal(code, 0, err);
    return JSON.parse(text);
  };
}

/** Names each attempt beside its result, so that a failure can be read. */
async function expectAll(
  tryAll: (attempts: readonly Attempt[]) => Promise<string[]>,
  attempts: readonly Attempt[],
  expected: RegExp,
): Promise<void> {
  const results = await tryAll(attempts);
  for (const [index, [kind, target]] of attempts.entries()) {
    assert.match(results[index]!, expected, `${kind} ${target}`);
  }
}

const REFUSED = /^NotCapable$/;
/** Of every build, whatever its settings say. */
function refusedEverywhere({ folder }: Place): Attempt[] {
  return [
    ["read", "/etc/passwd"],
    ["read", `${folder}/elsewhere/secret`],
    ["read", "../elsewhere/secret"],
    ["read", "/proc/self/environ"],
    ["list", "/var/spool/cron/crontabs"],
    ["list", "/"],
    ["write", `${folder}/elsewhere/new`],
    ["write", "/etc/signal-automation/templates.yaml"],
    ["write", "/tmp/signal-automation-probe"],
    ["sqlite", `${folder}/elsewhere/new.db`],
    ["dlopen", "/lib/x86_64-linux-gnu/libc.so.6"],
    ["env", "AWS_SECRET_ACCESS_KEY"],
    ["env", "LD_PRELOAD"],
    ["every variable", ""],
    ["hostname", ""],
    ["run", "sh"],
    ["run", "other"],
    ["run", `${folder}/bin/other`],
    ["run", `${folder}/probe`],
  ];
}

Deno.test("The general build reaches any host, its own folders and programs, and nothing else", async () => {
  await inFolder(async (folder) => {
    using here = await place(folder);
    const tryAll = await probe(GENERAL_GRANTS, here);
    await expectAll(tryAll, [
      ["write", "./new"],
      ["read", "./new"],
      ["sqlite", "./new.db"],
      ["env", "DB_PASSWORD"],
      ["uptime", ""],
      ["statfs", "."],
      ["run", "signal-cli"],
      ["connect", `127.0.0.1:${here.databasePort}`],
      ["node connect", `localhost:${here.otherPort}`],
      ["listen", "127.0.0.1:0"],
      // Two limits (scripts/README.md), which only the unit's sandbox closes: a link inside an allowed folder is
      // followed, and importing code is no reading.
      ["read", "./link"],
      ["import", `${folder}/elsewhere/module.js`],
    ], /^done$/);
    await expectAll(tryAll, refusedEverywhere(here), REFUSED);
    await expectAll(tryAll, [["socket", `${folder}/own.sock`]], REFUSED);
    // There or not: not the permission decides.
    await expectAll(tryAll, [["list", "/etc/cron.d"], ["read", "/etc/crontab"]], /^(?:done|ENOENT)$/);
    await expectAll(tryAll, [["ask", "/etc/passwd"]], /^(?:denied|prompt)$/);
  });
});

Deno.test("A deployment build reaches what its settings name, and nothing else", async () => {
  await inFolder(async (folder) => {
    using here = await place(folder);
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const httpPort = free.addr.port;
    free.close();
    const envFile = `${folder}/shop.env`;
    const common = `SIGNAL_NUMBER=+33199000100
SIGNAL_GROUP_ID=ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=
AFFILIATE_LINK=https://shop.example/affiliate
ADMIN_PHONE_NUMBER=+33199000103
DB_PASSWORD=correct-horse-battery
STATE_DIR=${folder}/state
RUNTIME_DIR=${folder}/run
TEMPLATES_FILE=${folder}/texts/templates.yaml
SIGNAL_CLI_PATH=${folder}/bin/signal-cli
HTTP_PORT=${httpPort}
`;
    const grantsOf = async (text: string) => {
      await Deno.writeTextFile(envFile, text, { mode: 0o600 });
      const result = await loadConfig({ envFile, getEnv: () => undefined });
      assert.ok("config" in result, JSON.stringify(result));
      return deploymentGrants(result.config, envFile);
    };

    const overNetwork = `${common}DB_HOST=127.0.0.1\nDB_PORT=${here.databasePort}\n`;
    const tryAll = await probe(await grantsOf(overNetwork), here);
    await expectAll(tryAll, [
      ["read", envFile],
      ["write", `${folder}/state/new`],
      ["write", `${folder}/state/spool`],
      ["write", `${folder}/run/new`],
      ["list", `${folder}/texts`],
      ["run", `${folder}/bin/signal-cli`],
      ["env", "DB_PASSWORD"],
      ["uptime", ""],
      ["statfs", `${folder}/state`],
      ["connect", `127.0.0.1:${here.databasePort}`],
      ["node connect", `127.0.0.1:${here.databasePort}`],
      ["listen", `127.0.0.1:${httpPort}`],
    ], /^done$/);
    await expectAll(tryAll, [
      ...refusedEverywhere(here),
      ["write", `${folder}/texts/templates.yaml`],
      ["write", "./new"],
      ["read", "./link"],
      ["list", "/var/lib/signal-automation"],
      ["list", "/etc/signal-automation"],
      ["list", "/etc/cron.d"],
      ["connect", `127.0.0.1:${here.otherPort}`],
      ["connect", `localhost:${here.databasePort}`],
      ["fetch", `http://127.0.0.1:${here.otherPort}/`],
      ["fetch", "https://shop.example/"],
      ["listen", "127.0.0.1:0"],
      ["listen", `0.0.0.0:${httpPort}`],
      ["socket", `${folder}/own.sock`],
    ], REFUSED);
    // The listeners are there: it is the permission that refuses.
    await expectAll(tryAll, [["node connect", `127.0.0.1:${here.otherPort}`]], /^(?:ECONNREFUSED|NotCapable)$/);
    await expectAll(tryAll, [["node connect", `localhost:${here.databasePort}`]], /^EPERM$/);

    const overSocket = `${common}DB_SOCKET=${folder}/own.sock\n`;
    const trySocket = await probe(await grantsOf(overSocket), here);
    await expectAll(trySocket, [["socket", `${folder}/own.sock`]], /^done$/);
    await expectAll(trySocket, [
      ["socket", `${folder}/other.sock`],
      ["connect", `127.0.0.1:${here.databasePort}`],
    ], REFUSED);
  });
});
