import assert from "node:assert/strict";
import { join } from "node:path";
import { parseEnvFile } from "../../lib/config/env_file.ts";
import { quote } from "../../lib/cli/install/script.ts";
import { cli, inFolder } from "./support.ts";

const ALL: readonly (readonly string[])[] = [
  ["install"],
  ["install", "--name", "prod"],
  ["install", "--signal-cli-unit"],
  ["install", "--from", "/opt/signal-automation"],
  ["install", "--from", "/srv/old", "--name", "prod", "--signal-cli-unit"],
  ["uninstall"],
  ["uninstall", "--purge"],
  ["uninstall", "--purge", "--yes", "--name", "prod"],
];

async function script(...args: readonly string[]): Promise<string> {
  const { exit, out, err } = await cli(args);
  assert.equal(exit, 0, err);
  return out;
}

async function sh(text: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

for (const args of ALL) {
  Deno.test(`${args.join(" ")} prints a script that a POSIX shell reads, and that runs only when it has arrived whole`, async () => {
    const text = await script(...args);
    assert.match(text, /^#!\/bin\/sh\n# /);
    assert.ok(text.endsWith("\nmain </dev/null\n"));
    assert.match(text, /^set -eu$/m);
    assert.deepEqual(await sh(text, "-n"), { code: 0, out: "", err: "" });
    // Cut anywhere before its last line it does nothing but define.
    const cut = text.slice(0, text.lastIndexOf("main </dev/null"));
    const { code, out } = await sh(cut);
    assert.deepEqual({ code, out }, { code: 0, out: "" });
  });
}

Deno.test("on a terminal install and uninstall say that nothing was changed yet; a pipe gets the script alone", async () => {
  for (const command of ["install", "uninstall"]) {
    assert.match(
      (await cli([command], { terminalColumns: 80 })).err,
      /Nothing was changed: above is the script\..*\| sudo sh/,
    );
    assert.equal((await cli([command])).err, "");
  }
});

Deno.test("the way back from a take-over ends with the statements of sql/README.md", async () => {
  const readme = await Deno.readTextFile(join(import.meta.dirname!, "..", "..", "sql", "README.md"));
  const statements = /## Going back to the original[^]*?```sql\n([^]*?)```/.exec(readme)![1]!.trim().split("\n");
  const text = await script("install", "--from", "/opt/signal-automation");
  assert.ok(
    text.includes(`\n\n${statements.map((line) => `    ${line}\n`).join("")}END_OF_TEXT\nEND_OF_SCRIPT\n`),
    text,
  );
});

Deno.test("shellcheck finds nothing in the scripts", async (t) => {
  let found = true;
  try {
    await new Deno.Command("shellcheck", { args: ["--version"], stdout: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    found = false;
  }
  if (!found) return void await t.step("skipped: shellcheck is not installed", () => {});
  await inFolder(async (folder) => {
    for (const [index, args] of ALL.entries()) {
      const path = join(folder, `${index}.sh`);
      await Deno.writeTextFile(path, await script(...args));
      const { stdout } = await new Deno.Command("shellcheck", { args: ["-s", "sh", path] }).output();
      assert.equal(new TextDecoder().decode(stdout), "", args.join(" "));
    }
  });
});

Deno.test("install writes no secret: the script makes them on the machine", async () => {
  const text = await script("install");
  const env = parseEnvFile(textOf(text, "file_env"), () => undefined);
  assert.equal(env.entries.get("DB_PASSWORD")?.value, "@DB_PASSWORD@");
  assert.equal(env.entries.get("ADMIN_TOKEN")?.value, "@ADMIN_TOKEN@");
  assert.match(text, /umask 077/);
});

Deno.test("an instance has its own settings, folders, unit and cron line", async () => {
  const text = await script("install", "--name", "prod");
  const env = parseEnvFile(textOf(text, "file_env"), () => undefined);
  const value = (name: string) => env.entries.get(name)?.value;
  assert.equal(value("STATE_DIR"), "/var/lib/signal-automation/prod");
  assert.equal(value("RUNTIME_DIR"), "/run/signal-automation/prod");
  assert.equal(value("LOG_DIR"), "/var/log/signal-automation/prod");
  assert.equal(value("TEMPLATES_FILE"), "/etc/signal-automation/prod/templates.yaml");
  assert.equal(value("SIGNAL_CLI_DATA_DIR"), "/var/lib/signal-automation/prod/signal-cli");
  assert.match(text, /^UNIT='signal-automation@prod\.service'$/m);
  assert.match(
    textOf(text, "file_cron"),
    /health( --alert)? --env-file \/etc\/signal-automation\/prod\/env >\/dev\/null$/m,
  );
  assert.match(text, /^CRON_FILE='\/etc\/cron\.d\/signal-automation-prod'$/m);
});

Deno.test("the script carries the unit files and templates as they are", async () => {
  const text = await script("install");
  const root = join(import.meta.dirname!, "..", "..");
  for (
    const [name, file] of [
      ["file_unit", "systemd/signal-automation.service"],
      ["file_template_unit", "systemd/signal-automation@.service"],
      ["file_cli_unit", "systemd/signal-cli.service"],
      ["file_templates", "templates/templates.yaml"],
    ] as const
  ) {
    assert.equal(textOf(text, name), (await Deno.readTextFile(join(root, file))).trimEnd());
  }
});

Deno.test("install refuses names and folders that a script or systemd would misread", async () => {
  const bad = [
    ["--name", "Prod"],
    ["--name", "../x"],
    ["--name", "signal-cli"],
    // Where the settings of the instance without a name are: `uninstall --purge` would delete them.
    ["--name", "env"],
    ["--name", "a b"],
    ["--from", "relative"],
    ["--from", "/opt/$(reboot)"],
    ["--from", "/opt/a b"],
    ["--from", "/opt/../etc"],
  ];
  for (const args of bad) {
    const { exit, out, err } = await cli(["install", ...args]);
    assert.equal(exit, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, /accepted: /);
  }
  assert.equal((await cli(["uninstall", "--yes"])).exit, 2);
});

Deno.test("--json holds the same script", async () => {
  for (const command of ["install", "uninstall"]) {
    const { out } = await cli([command, "--json"]);
    assert.equal(JSON.parse(out).script, await script(command));
  }
});

Deno.test("run by somebody else than root the script changes nothing and says why", async () => {
  const text = (await script("install")).replace('[ "$(id -u)" = 0 ]', "false");
  const { code, out, err } = await sh(text);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, /has to run as root/);
});

Deno.test("value_of() and set_value() read and write settings as people write them", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "env");
    const lines = [
      "A=1",
      "export B = two  # why",
      "C='a # b'",
      'D="x y"',
      "E=a#b",
      "#F=no",
      "G=",
      "A=2",
      "URL=https://x/?a=b",
    ];
    await Deno.writeTextFile(file, lines.join("\n") + "\n");
    const text = await script("uninstall");
    const body = text.slice(0, text.lastIndexOf("main </dev/null"));
    const asked = ["A", "B", "C", "D", "E", "F", "G", "URL"].map((name) =>
      `printf '[%s]' "$(value_of ${quote(file)} ${name})"`
    );
    assert.equal((await sh(`${body}\n${asked.join("\n")}`)).out, "[2][two][a # b][x y][a#b][][][https://x/?a=b]");
    await sh(`${body}\nset_value ${quote(file)} B /new/path\nset_value ${quote(file)} Z 9\n`);
    const changed = parseEnvFile(await Deno.readTextFile(file), () => undefined);
    assert.equal(changed.entries.get("B")?.value, "/new/path");
    assert.equal(changed.entries.get("Z")?.value, "9");
    assert.equal(changed.entries.size, lines.length - 1);
  });
});

Deno.test("with a unit of its own for signal-cli the settings name its socket, once, however often install runs", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "env");
    const text = await script("install", "--signal-cli-unit");
    assert.match(text, /^ {2}if \[ "\$WITH_CLI_UNIT" = yes \]; then name_socket; fi$/m);
    const body = text.slice(0, text.lastIndexOf("main </dev/null"));
    const run = () => sh(`${body}\nchown() { :; }\nETC=${quote(folder)}\nname_socket\n`);
    const cases = ["A=1\n#SIGNAL_SOCKET=\n", "SIGNAL_TRANSPORT=jsonrpc  # child\nSIGNAL_SOCKET=/old\n"];
    for (const before of cases) {
      await Deno.writeTextFile(file, before, { mode: 0o600 });
      assert.match((await run()).out, /written: +SIGNAL_TRANSPORT and SIGNAL_SOCKET/);
      const written = await Deno.readTextFile(file);
      const { entries, problems } = parseEnvFile(written, () => undefined);
      assert.deepEqual(problems, []);
      assert.equal(entries.get("SIGNAL_TRANSPORT")?.value, "socket");
      assert.equal(entries.get("SIGNAL_SOCKET")?.value, "/run/signal-automation/signal-cli/socket");
      assert.deepEqual(await run(), { code: 0, out: "", err: "" });
      assert.equal(await Deno.readTextFile(file), written);
    }
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  });
});

Deno.test("units are laid down where systemd is not installed, and the drop-in that 252 refuses only where it is new enough", async () => {
  const text = await script("install");
  const body = text.slice(0, text.lastIndexOf("main </dev/null"));
  const stubs = 'put() { cat >/dev/null; say "$3"; }\nmkdir() { :; }\nsystemd_runs() { return 1; }\n';
  const units = async (systemctl: string) => {
    const { code, out, err } = await sh(`${body}\n${stubs}systemctl() { ${systemctl}; }\ninstall_units\n`);
    assert.deepEqual([code, err], [0, ""]);
    return out.match(/restart-steps\.conf/g)?.length ?? 0;
  };
  assert.equal(await units("echo 'sh: systemctl: not found' >&2; return 127"), 0);
  assert.equal(await units("echo 'systemd 252 (252.31-1~deb12u1)'"), 0);
  assert.equal(await units("echo 'systemd 257 (257.7-1)'"), 4);
});

Deno.test("secrets are made by the shell itself, since everybody sees the arguments of a program", async () => {
  const text = await script("install", "--name", "prod");
  const body = text.slice(0, text.lastIndexOf("main </dev/null"));
  // Whatever program runs: its arguments.
  const watch =
    'for program in sed awk tr head base64 grep; do eval "$program() { printf \'%s\\n\' \\"\\$*\\" >&2; command $program \\"\\$@\\"; }"; done';
  const { out, err } = await sh(`${body}\n${watch}\nfile_env | fill_marks\n`);
  const { entries, problems } = parseEnvFile(out, () => undefined);
  assert.deepEqual(problems, []);
  const secrets = ["DB_PASSWORD", "ADMIN_TOKEN"].map((name) => entries.get(name)?.value ?? "");
  for (const secret of secrets) {
    assert.match(secret, /^[A-Za-z0-9_-]{40}$/);
    assert.ok(!err.includes(secret));
  }
  assert.notEqual(secrets[0], secrets[1]);
  assert.match(entries.get("HTTP_PORT")?.value ?? "", /^[0-9]{4}$/);
  assert.match(err, /base64|urandom/);
  assert.doesNotMatch(out, /@[A-Z_]+@/);
});

Deno.test("a take-over leaves a log folder alone that the original shares with others, and takes its own logs from it", async () => {
  await inFolder(async (folder) => {
    const [from, shared, logs] = [join(folder, "old"), join(folder, "shared"), join(folder, "new")];
    for (const path of [join(from, "before-takeover"), join(from, "logs"), shared, logs]) {
      await Deno.mkdir(path, { recursive: true });
    }
    const text = await script("install", "--from", "/opt/signal-automation");
    const body = text.slice(0, text.lastIndexOf("main </dev/null"));
    const values = `chown() { :; }\nFROM=${quote(from)} KEEP=${quote(join(from, "before-takeover"))} LOGS=${
      quote(logs)
    }`;
    const takeLogs = async (logDir: string) => {
      await Deno.writeTextFile(join(from, "before-takeover", "env"), `LOG_DIR=${logDir}\n`);
      const { code, err } = await sh(`${body}\n${values}\ntake_logs\n`);
      assert.equal(code, 0, err);
    };
    await Deno.writeTextFile(join(shared, "syslog"), "of others\n");
    await Deno.writeTextFile(join(shared, "signal-automation.log.1"), "ours\n");
    await Deno.symlink("/etc/hostname", join(shared, "critical-errors.log"));
    await takeLogs(shared);
    // Run once more, the service has gone on in the file.
    await Deno.writeTextFile(join(logs, "signal-automation.log.1"), "ours, and new\n");
    await takeLogs(`${from}/../shared`);
    assert.equal(await Deno.readTextFile(join(logs, "signal-automation.log.1")), "ours, and new\n");
    assert.equal(await Deno.readTextFile(join(shared, "syslog")), "of others\n");
    assert.deepEqual([...Deno.readDirSync(logs)].map(({ name }) => name), ["signal-automation.log.1"]);
    // Its own, said as the original may say it: below the folder where it ran.
    await Deno.writeTextFile(join(from, "logs", "critical-errors.log"), "ours\n");
    await takeLogs("logs");
    assert.equal(await Deno.readLink(join(from, "logs")), logs);
    assert.equal(await Deno.readTextFile(join(from, "logs", "critical-errors.log")), "ours\n");
  });
});

Deno.test("quote() makes one word of anything", async () => {
  for (const text of ["", "it's", '$(x) `y` "z" \\ !', "a\nb", "'''"]) {
    assert.equal((await sh(`printf %s ${quote(text)}`)).out, text);
  }
});

/** What one of the script's functions prints. */
function textOf(text: string, name: string): string {
  const [, body] =
    new RegExp(`^${name}\\(\\) \\{\\n  cat <<'(?:\\w+)'\\n([^]*?)\\nEND_OF_TEXT_OF_SIGNAL_AUTOMATION\\n`, "m")
      .exec(text) ?? [];
  assert.ok(body !== undefined, name);
  return body;
}
