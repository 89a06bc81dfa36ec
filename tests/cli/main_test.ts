import assert from "node:assert/strict";
import { programUnderTest } from "../support/service_process.ts";
import { inFolder, ROOT } from "./support.ts";

// deno-lint-ignore no-control-regex
const ANSI = /\u001b/;

interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program as it ships, in an empty folder, with next to no environment. */
async function program(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Output> {
  let output: Output | undefined;
  await inFolder(async (cwd) => {
    const [command = "", ...own] = programUnderTest();
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...own, ...args],
      cwd,
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", HOME: cwd, DENO_DIR: denoDir(), ...env },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    output = { code, out: text(stdout), err: text(stderr) };
  });
  return output!;
}

/** The packages are there already: nothing is to be fetched into the empty home folder. */
function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/deno`;
}

Deno.test("The program passes the exit code on, and writes no colour into a pipe", async () => {
  const version = await program(["version"]);
  assert.deepEqual([version.code, version.err], [0, ""]);
  assert.match(version.out, /^signal-automation \d+\.\d+\.\d+ /);
  const check = await program(["check"]);
  assert.equal(check.code, 2);
  assert.match(check.out, /refused: 5 problems/);
  assert.doesNotMatch(check.out + check.err, ANSI);
  assert.equal((await program(["health"])).code, 2);
  assert.equal((await program(["no-such-command"])).code, 2);
});

Deno.test("The program finds its own files, wherever it is started", async () => {
  const settings = {
    SIGNAL_NUMBER: "+33199000100",
    SIGNAL_GROUP_ID: "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=",
    AFFILIATE_LINK: "https://shop.example/affiliate",
    ADMIN_PHONE_NUMBER: "+33199000103",
    DB_PASSWORD: "a-password",
  };
  const { code, out } = await program(["migrate", "--sql"], settings);
  assert.equal(code, 0);
  assert.match(out, /CREATE TABLE IF NOT EXISTS outbox /);
});

Deno.test("A reader that leaves early is no error", async () => {
  const [command = "", ...own] = programUnderTest();
  const words = [command, ...own, "--help"].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `{ ${words}; echo "exit $?" >&2; } | true`],
    cwd: ROOT,
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "");
  assert.match(new TextDecoder().decode(stderr), /exit [02]\n$/);
});
