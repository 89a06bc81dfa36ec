import assert from "node:assert/strict";
import { join } from "node:path";
import { judgeCron } from "../../lib/cli/doctor/cron.ts";
import { judgeInstances, unitOf } from "../../lib/cli/doctor/instances.ts";
import { judgeFolders } from "../../lib/cli/doctor/machine.ts";
import { judgeProcesses } from "../../lib/cli/doctor/processes.ts";
import { judgeOriginalUnit, judgeSandbox } from "../../lib/cli/doctor/unit.ts";
import { realSystemctl, type Systemctl } from "../../lib/cli/systemctl.ts";
import type { Config } from "../../lib/config/config.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { AS_ROOT } from "../support/as_root.ts";
import { goodSettings, inFolder } from "./support.ts";

const NUMBER = "+33199000100";
const UNIT = "signal-automation.service";
const DAEMON = { SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: "/run/x/socket" };

async function settingsFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(join(folder, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(folder, name), text);
  }
}

/** systemd that knows one unit by these properties and has this tree of processes. */
function systemd(properties: Readonly<Record<string, string>>, tree?: string): Systemctl {
  return (args) => {
    if (args[0] === "status") return Promise.resolve(tree);
    return Promise.resolve(Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(""));
  };
}

function config(more: Readonly<Record<string, string>> = {}): Config {
  const values = Object.entries({ ...goodSettings("/x"), ...more });
  const parsed = parseConfig(new Map(values.map(([name, value]) => [name, { value, origin: "environment" }])));
  assert.ok("config" in parsed, JSON.stringify(parsed));
  return parsed.config;
}

Deno.test("Instances with everything of their own are no trouble, and none at all is none", async () => {
  await inFolder(async (folder) => {
    assert.match((await judgeInstances(undefined, join(folder, "absent")))[0]!.text, /none on this machine/);
    await settingsFiles(folder, {
      env: `SIGNAL_NUMBER=${NUMBER}\n`,
      "templates.yaml": "x",
      "prod/env": "SIGNAL_NUMBER=+33199000101\nHTTP_PORT=8788\n",
      "off/env": "SIGNAL_NUMBER=+33199000102\nHTTP_PORT=0\n",
      "nothing/other": "",
    });
    assert.deepEqual(await judgeInstances(undefined, folder), [{
      name: "other instances",
      level: "ok",
      text: "3 settings files, each with its own account, port and folders",
    }]);
  });
});

Deno.test("An account, a port or a folder that two instances claim fails, with both files and the fix", async () => {
  await inFolder(async (folder) => {
    await settingsFiles(folder, {
      env: `SIGNAL_NUMBER=${NUMBER}\nSTATE_DIR=/var/lib/signal-automation/\nSIGNAL_CLI_DATA_DIR=/data\n`,
      "dev/env": "SIGNAL_NUMBER=+33199000101\nHTTP_PORT=9000\nHTTP_HOST=127.0.0.2\n",
      "prod/env": `SIGNAL_NUMBER="+33 1 99 00 01 00"\nHTTP_PORT=8787\nRUNTIME_DIR=/run/signal-automation/dev\n` +
        "SIGNAL_CLI_DATA_DIR=/data\nSTATE_DIR='/var/lib/signal-automation'\n",
    });
    const found = await judgeInstances(undefined, folder);
    const texts = found.map(({ text }) => text.replaceAll(folder, "")).toSorted();
    assert.deepEqual(texts, [
      "/dev/env and /prod/env have the same RUNTIME_DIR (/run/signal-automation/dev)",
      "/env and /prod/env have the same HTTP_PORT (127.0.0.1:8787)",
      "/env and /prod/env have the same SIGNAL_NUMBER (+33••••••100): the second to start waits for the first for ever",
      "/env and /prod/env have the same STATE_DIR (/var/lib/signal-automation)",
    ]);
    assert.ok(found.every(({ level, fix }) => level === "fail" && fix !== undefined));
    assert.ok(!JSON.stringify(found).includes(NUMBER.slice(1)));
  });
});

Deno.test("Settings elsewhere that claim what an installed instance has are found; a link to that one is the same file", async () => {
  await inFolder(async (folder) => {
    const etc = join(folder, "etc");
    const own = join(folder, ".env");
    await settingsFiles(folder, {
      "etc/env": `SIGNAL_NUMBER=${NUMBER}\n`,
      ".env": `SIGNAL_NUMBER=${NUMBER}\nHTTP_PORT=0\n`,
    });
    const found = await judgeInstances(own, etc);
    assert.ok(
      found.some(({ level, text }) => level === "fail" && /same SIGNAL_NUMBER/.test(text)),
      JSON.stringify(found),
    );
    await Deno.remove(own);
    await Deno.symlink(join(etc, "env"), own);
    for (const file of [own, join(etc, "env"), "standard input"]) {
      assert.equal((await judgeInstances(file, etc))[0]!.text, "none on this machine");
    }
  });
});

Deno.test("A unit is named after where its settings are", () => {
  assert.equal(unitOf("/etc/signal-automation/env"), UNIT);
  assert.equal(unitOf("/etc/signal-automation/prod/env"), "signal-automation@prod.service");
  assert.equal(unitOf("./.env"), UNIT);
  assert.equal(unitOf(undefined), UNIT);
});

Deno.test("Cron lines of the original are found by file and line, and never shown", async () => {
  await inFolder(async (folder) => {
    const places = { table: join(folder, "crontab"), folder: join(folder, "cron.d") };
    const clean = await judgeCron(false, places);
    assert.deepEqual(clean.map(({ level }) => level), ["ok"]);
    assert.match(clean[0]!.text, /no line of the original; root's own crontab cannot be seen/);
    await settingsFiles(folder, {
      crontab: "# signal-cli\n*/5 * * * * root /opt/signal-automation/monitoring/health_check.sh\n",
      "cron.d/mine": `0 3 * * * me /usr/local/bin/signal-cli -a ${NUMBER} receive\n`,
      "cron.d/signal-automation":
        "*/5 * * * * x /usr/local/bin/signal-automation health --env-file /etc/signal-cli.env\n",
      "cron.d/left.bak": "* * * * * root health_check.sh\n",
    });
    const found = await judgeCron(true, places);
    assert.deepEqual(found.map(({ level, text }) => [level, text.replaceAll(folder, "")]), [
      ["warn", "/cron.d/mine:1 starts signal-cli: on this account it waits for the service, or the service for it"],
      ["warn", "/crontab:2 runs the original's health check, which starts a second signal-cli"],
      ["warn", "root's own crontab cannot be seen from here"],
    ]);
    assert.match(found[0]!.fix!, /delete line 1$/);
    assert.match(found[2]!.fix!, /^sudo crontab -l \| grep/);
    assert.ok(!JSON.stringify(found).includes(NUMBER));
  });
});

Deno.test("The original's unit under our name is told, and fails while it is enabled", async () => {
  const original = {
    ExecStart: "{ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 /opt/signal-automation/main.py ; }",
  };
  const enabled = await judgeOriginalUnit(systemd({ ...original, UnitFileState: "enabled" }), UNIT);
  assert.deepEqual([enabled[0]?.level, enabled[0]?.fix?.includes("install --from")], ["fail", true]);
  assert.equal((await judgeOriginalUnit(systemd({ ...original, UnitFileState: "disabled" }), UNIT))[0]?.level, "warn");
  const ours = { ExecStart: "{ path=/usr/local/bin/signal-automation ; argv[]=… run ; }", UnitFileState: "enabled" };
  assert.deepEqual(await judgeOriginalUnit(systemd(ours), UNIT), []);
  assert.deepEqual(await judgeOriginalUnit(() => Promise.resolve(undefined), UNIT), []);
});

Deno.test("What the unit's sandbox keeps from the service is told with where to put it", async () => {
  const unit = {
    LoadState: "loaded",
    ExecStart: "{ path=/usr/local/bin/signal-automation ; }",
    ProtectHome: "yes",
    NoExecPaths: "/",
    ExecPaths: "/usr/local/bin /usr/lib -/usr/bin/signal-cli -/opt",
    InaccessiblePaths: "-/srv -/media",
    Environment: "HOME=/var/lib/signal-automation",
    StateDirectory: "signal-automation",
  };
  const judge = async (settings: Record<string, string>, more: Record<string, string> = {}) =>
    (await judgeSandbox(config(settings), systemd({ ...unit, ...more }), UNIT)).map(({ level, text }) => [level, text]);
  const fine = [["ok", `${UNIT} reaches signal-cli`]];
  assert.deepEqual(await judge({}), fine);
  assert.deepEqual(await judge({ SIGNAL_CLI_PATH: "/opt/signal-cli-0.14.6/bin/signal-cli" }), fine);
  const path = "/home/me/signal-cli/bin/signal-cli";
  assert.deepEqual(await judge({ SIGNAL_CLI_PATH: path }), [
    ["fail", `SIGNAL_CLI_PATH is ${path}, which ${UNIT} cannot even see`],
  ]);
  assert.deepEqual(await judge({ SIGNAL_CLI_PATH: path }, { ProtectHome: "no", NoExecPaths: "" }), fine);
  assert.deepEqual(await judge({ SIGNAL_CLI_PATH: "/usr/local/signal/signal-cli" }), [
    ["fail", `SIGNAL_CLI_PATH is /usr/local/signal/signal-cli, which ${UNIT} may not run`],
  ]);
  assert.deepEqual(await judge({ SIGNAL_CLI_DATA_DIR: "/root/.local/share/signal-cli" }), [
    ["fail", `SIGNAL_CLI_DATA_DIR is /root/.local/share/signal-cli, which ${UNIT} cannot even see`],
  ]);
  assert.deepEqual(await judge({}, { Environment: '"JAVA_HOME=/srv/jdk" HOME=/x' }), [
    ["fail", `JAVA_HOME of the unit is /srv/jdk, which ${UNIT} cannot even see`],
  ]);
  assert.deepEqual(await judge({ SIGNAL_CLI_PATH: path }, { LoadState: "not-found" }), [], "no unit, no sandbox");
});

Deno.test("A folder that the unit keeps read-only is told, although who asks may write it", async () => {
  const unit = {
    LoadState: "loaded",
    ProtectSystem: "strict",
    StateDirectory: "signal-automation",
    RuntimeDirectory: "signal-automation",
    LogsDirectory: "signal-automation",
    ReadWritePaths: "-/srv/shop",
  };
  const settings = {
    STATE_DIR: "/var/lib/signal-automation",
    RUNTIME_DIR: "/run/signal-automation",
    LOG_DIR: "/var/log/signal-automation",
    SQLITE_PATH: "/srv/shop/shop.db",
  };
  const judge = (more: Record<string, string>, properties: Record<string, string> = {}) =>
    judgeSandbox(config({ ...settings, ...more }), systemd({ ...unit, ...properties }), UNIT);
  assert.deepEqual((await judge({})).map(({ level }) => level), ["ok"]);
  const [log, ...rest] = await judge({ LOG_DIR: "/opt/signal-automation/logs" });
  assert.deepEqual(rest, []);
  assert.deepEqual([log?.level, log?.text], [
    "fail",
    `LOG_DIR is /opt/signal-automation/logs, which ${UNIT} may not write`,
  ]);
  assert.match(log!.fix!, /ReadWritePaths=\/opt\/signal-automation\/logs /);
  const [database] = await judge({}, { ReadWritePaths: "" });
  assert.match(database!.text, /^SQLITE_PATH is \/srv\/shop\/shop\.db, which/);
  assert.match(database!.fix!, /ReadWritePaths=\/srv\/shop /);
  assert.deepEqual((await judge({ LOG_DIR: "/opt/x" }, { ProtectSystem: "full" })).map(({ level }) => level), ["ok"]);
});

Deno.test({
  name: "Files of an account that was linked by another user are told with the command that hands them over",
  // Nobody else may give files away.
  ignore: !AS_ROOT,
  fn: () =>
    inFolder(async (folder) => {
      const [state, account] = [join(folder, "state"), join(folder, "account")];
      for (const path of [state, join(folder, "run"), join(account, "data")]) {
        await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      }
      await Deno.writeTextFile(join(account, "data", "accounts.json"), "{}");
      const files = {
        STATE_DIR: state,
        RUNTIME_DIR: join(folder, "run"),
        SPOOL_DIR: state,
        SIGNAL_CLI_DATA_DIR: account,
      };
      const settings = config(files);
      assert.deepEqual((await judgeFolders(settings)).map(({ level }) => level), ["ok"]);
      await Deno.chown(join(account, "data", "accounts.json"), 65_534, 65_534);
      const [finding] = await judgeFolders(settings);
      assert.equal(finding?.level, "fail");
      assert.match(finding!.text, /belong to user 65534, STATE_DIR to 0/);
      assert.equal(finding!.fix, `sudo chown -R --reference=${state} ${account}`);
      const daemons = await judgeFolders(config({ ...files, ...DAEMON }));
      assert.deepEqual(daemons.map(({ level }) => level), ["ok"]);
    }),
});

Deno.test("A second signal-cli on the account is seen in systemd's tree, one of another account is not ours", async () => {
  const tree = `● host
    State: running
   CGroup: /
           ├─init.scope
           │ └─1 /sbin/init
           ├─system.slice
           │ ├─signal-automation.service
           │ │ ├─ 700 /usr/local/bin/signal-automation run --env-file /etc/signal-automation/env
           │ │ └─ 710 /usr/bin/java -cp /opt/signal-cli/lib/x.jar org.asamk.signal.Main -a ${NUMBER} -o json jsonRpc
           │ ├─signal-cli@dev.service
           │ │ └─ 720 java org.asamk.signal.Main -a +33199000101 daemon
           │ └─cron.service
           │   └─ 730 /usr/sbin/cron -f
           └─user.slice
             └─user-1000.slice
               └─session-2.scope
                 ├─ 915 "sshd: me [priv]"
                 ├─1012 sh /usr/local/bin/signal-cli -a ${NUMBER} receive
                 └─1013 java org.asamk.signal.Main -a ${NUMBER} receive
`;
  const [found, ...more] = await judgeProcesses(config(), systemd({}, tree), UNIT);
  assert.deepEqual([found?.level, more], ["warn", []]);
  assert.match(found!.text, /as process 1012,1013 in session-2\.scope/);
  assert.equal(found!.fix, "ps -o pid,user,lstart,args -p 1012,1013   then: sudo kill 1012 1013");
  assert.ok(!JSON.stringify(found).includes(NUMBER));

  const alone = tree.split("\n").filter((line) => !/101[23]/.test(line)).join("\n");
  assert.deepEqual((await judgeProcesses(config(), systemd({}, alone), UNIT))[0]?.text, "none");
  const daemon = alone.replace("signal-cli@dev", "signal-cli").replace("-a +33199000101 ", "");
  const [own] = await judgeProcesses(config(), systemd({}, daemon), UNIT);
  assert.equal(own?.fix, "sudo systemctl disable --now signal-cli.service", "it serves all accounts");
  const socket = config({ SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: "/run/x/socket" });
  assert.equal((await judgeProcesses(socket, systemd({}, daemon), UNIT))[0]?.text, "none");

  const [unseen] = await judgeProcesses(config(), systemd({}), UNIT);
  assert.deepEqual([unseen?.level, /cannot be seen/.test(unseen!.text)], ["ok", true]);
});

Deno.test("systemctl that is absent, refuses, or prints nothing gives no answer", async () => {
  await inFolder(async (folder) => {
    const ask = realSystemctl((name) => name === "PATH" ? folder : undefined);
    assert.equal(await ask(["show", "--property=LoadState", "no-such.service"]), undefined);
  });
});
