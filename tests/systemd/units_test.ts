import assert from "node:assert/strict";
import { basename, join } from "node:path";

const UNITS = join(import.meta.dirname!, "..", "..", "systemd");
const read = (name: string) => Deno.readTextFile(join(UNITS, name));

/** Greatest exposure that `systemd-analyze security` may find, tenths. */
const OWN_UNIT_TENTHS = 11;
const CHILD_TENTHS = 15;

const version = await systemdVersion();
const skip = version === undefined ? "systemd-analyze is not installed" : undefined;

async function systemdVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("systemd-analyze", { args: ["--version"], stderr: "null" }).output();
    return new TextDecoder().decode(stdout).split("\n", 1)[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Where something is missing, the test says so in its name and passes. */
function test(name: string, work: () => Promise<void>): void {
  Deno.test(skip === undefined ? name : `skipped (${skip}): ${name}`, () => skip === undefined ? work() : undefined);
}

/** A unit file as this machine can judge it: the program that it names need not be installed here. */
async function analyze(args: readonly string[], files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const paths = [];
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      await Deno.writeTextFile(path, text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
      paths.push(path);
    }
    const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
      args: [...args, ...paths],
      env: { SYSTEMD_LOG_LEVEL: "warning" },
    }).output();
    const decoder = new TextDecoder();
    return `exit ${code}\n${decoder.decode(stderr)}${args[0] === "verify" ? decoder.decode(stdout) : ""}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A drop-in counts as if it stood at the end of the unit. */
async function withOwnSignalCli(name: string): Promise<string> {
  return `${await read(name)}\n${await read("own-signal-cli.conf")}`;
}

for (const name of ["signal-automation.service", "signal-cli.service"]) {
  const template = name.replace(".service", "@.service");

  test(`${name} and ${template} hold no key that systemd does not know`, async () => {
    const files = { [name]: await read(name), [template.replace("@", "@prod")]: await read(template) };
    assert.equal(await analyze(["verify", "--man=no"], files), "exit 0\n");
  });

  Deno.test(`${template} is ${name} with folders of its own`, async () => {
    const code = (text: string) => text.split("\n").filter((line) => !/^#|^Description=|^$/.test(line));
    const plain = code(await read(name)).map((line) =>
      line.replaceAll(/(\/signal-automation)\/(?=env|signal-cli)/g, "$1/%i/")
        .replace(/((?:Directory=|HOME=\/var\/lib\/|Directory=\/var\/lib\/)signal-automation)(?=$|\/)(?!\/%i)/, "$1/%i")
        .replace(/^Before=signal-automation\.service/, "Before=signal-automation@%i.service")
    );
    assert.deepEqual(code(await read(template)), plain);
  });
}

Deno.test("signal-cli and Java may be run from where their releases are unpacked and linked", async () => {
  for (const name of ["signal-automation.service", "signal-cli.service"]) {
    const paths = (await read(name)).matchAll(/^ExecPaths=(.*)$/gm).flatMap(([, list]) => list!.split(" "));
    const allowed = new Set(paths.map((path) => path.replace(/^-/, "")));
    // Their names hold the version (/opt/signal-cli-0.14.6, /opt/jdk-25.0.1), so the folder above has to do.
    for (const folder of ["/opt", "/usr/local/bin"]) assert.ok(allowed.has(folder), `${name}: ${folder}`);
  }
});

test("signal-automation.service with signal-cli as its child is exposed by 1.5 at most", async () => {
  const files = { "child.service": await read("signal-automation.service") };
  assert.equal(await security(CHILD_TENTHS, files), "exit 0\n");
});

test("with signal-cli as a unit of its own both units are exposed by 1.1 at most", async () => {
  assert.equal(
    await security(OWN_UNIT_TENTHS, { "own.service": await withOwnSignalCli("signal-automation.service") }),
    "exit 0\n",
  );
  assert.equal(await security(OWN_UNIT_TENTHS, { "signal-cli.service": await read("signal-cli.service") }), "exit 0\n");
});

test("drop-ins hold no key that systemd does not know", async () => {
  const files = {
    "own.service": `${await withOwnSignalCli("signal-automation.service")}\n${await read("network.conf")}`,
  };
  assert.equal(await analyze(["verify", "--man=no"], files), "exit 0\n");
});

function security(tenths: number, files: Readonly<Record<string, string>>): Promise<string> {
  return analyze(["security", "--offline=true", "--no-pager", `--threshold=${tenths}`], files);
}

Deno.test("the service is given more time to stop than it takes, and is never given up", async () => {
  for (const name of ["signal-automation.service", "signal-automation@.service"]) {
    const text = await read(name);
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];
    assert.ok(Number(value("TimeoutStopSec")) > 10, basename(name));
    assert.equal(value("StartLimitIntervalSec"), "0");
    assert.equal(value("Restart"), "always");
    assert.doesNotMatch(text, /^Requires=/m);
    assert.equal(value("RuntimeDirectoryPreserve"), "yes");
  }
});
