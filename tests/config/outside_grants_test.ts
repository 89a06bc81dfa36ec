import assert from "node:assert/strict";
import type { Config } from "../../lib/config/config.ts";
import { outsideGrants, type QueryGrant } from "../../lib/config/outside_grants.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { covers, hostAndPort, reachOf } from "../../lib/config/reach.ts";

function configOf(changes: Record<string, string> = {}): Config {
  const settings = {
    SIGNAL_NUMBER: "+33199000100",
    SIGNAL_GROUP_ID: "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=",
    AFFILIATE_LINK: "https://shop.example/affiliate",
    ADMIN_PHONE_NUMBER: "+33199000103",
    DB_PASSWORD: "correct-horse-battery",
    ...changes,
  };
  const parsed = parseConfig(
    new Map(Object.entries(settings).map(([name, value]) => [name, { value, origin: "environment" as const }])),
  );
  assert.ok("config" in parsed, JSON.stringify(parsed));
  return parsed.config;
}

const targetOf = (descriptor: Deno.PermissionDescriptor) =>
  descriptor.name === "net"
    ? descriptor.host!
    : descriptor.name === "run"
    ? String(descriptor.command)
    : "path" in descriptor
    ? String(descriptor.path)
    : "";
/** Grants all but these targets. */
const allBut = (...refused: string[]): QueryGrant => (descriptor) =>
  refused.includes(targetOf(descriptor)) ? "prompt" : "granted";

Deno.test("where everything is granted, nothing is refused", () => {
  const found = outsideGrants(configOf({ SIGNAL_CLI_PATH: "/opt/x/signal-cli", LOG_DIR: "/srv/log" }), () => "granted");
  assert.deepEqual(found, { problems: [], warnings: [], settings: new Set() });
});

Deno.test("a refused setting is named with what it reaches and the command that compiles a program for it", () => {
  const config = configOf({
    DB_HOST: "db.example",
    DB_PORT: "3307",
    WEBHOOK_ENABLED: "true",
    WEBHOOK_URL: "http://h.example/secret",
  });
  const { problems } = outsideGrants(config, allBut("db.example:3307", "h.example:80"), { envFile: "/etc/x/env" });
  assert.deepEqual(problems.map(({ name, problem }) => `${name}: ${problem}`), [
    "DB_HOST: this program is not permitted to reach db.example:3307 (the database)",
    "WEBHOOK_URL: this program is not permitted to reach h.example:80 (alerts when Signal is the trouble)",
  ]);
  for (const { hint } of problems) assert.match(hint!, /scripts\/compile\.ts --for \/etc\/x\/env compiles/);
  assert.doesNotMatch(JSON.stringify(problems), /secret/);
});

Deno.test("the other spelling of this machine is named where that is the one compiled in", () => {
  const { problems } = outsideGrants(configOf({ DB_HOST: "127.0.0.1" }), allBut("127.0.0.1:3306", "[::1]:3306"));
  assert.equal(problems[0]!.accepted, "localhost:3306, spelt so");
});

Deno.test("a folder is told once for reading and writing, and what lies below it not again", () => {
  const config = configOf({ STATE_DIR: "/srv/shop", DB_DRIVER: "sqlite" });
  const { problems, settings } = outsideGrants(config, allBut("/srv/shop", "/srv/shop/spool"));
  assert.deepEqual(problems.map(({ name, problem }) => `${name}: ${problem.split(" (")[0]}`), [
    "STATE_DIR: this program is not permitted to read and write /srv/shop",
    "SQLITE_PATH: this program is not permitted to read and write /srv/shop",
  ]);
  assert.match(problems[0]!.accepted!, /^a path below \.\/, /);
  assert.deepEqual(settings, new Set(["STATE_DIR", "SPOOL_DIR", "SQLITE_PATH"]));
});

Deno.test("signal-cli by name is a warning, since it may only be missing from PATH; another program is refused", () => {
  const byName = outsideGrants(configOf(), allBut("signal-cli"));
  assert.deepEqual(byName.problems, []);
  assert.match(byName.warnings[0]!.warning, /^signal-cli is not on PATH, or/);
  const daemon = { SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: "127.0.0.1:7583" };
  assert.deepEqual(outsideGrants(configOf(daemon), allBut("signal-cli")).warnings, []);
  const other = outsideGrants(configOf({ SIGNAL_CLI_PATH: "/opt/x/signal-cli" }), allBut("/opt/x/signal-cli"));
  assert.deepEqual(other.problems.map(({ name, accepted }) => [name, accepted]), [
    ["SIGNAL_CLI_PATH", "signal-cli, found on PATH"],
  ]);
});

Deno.test("reachOf() leaves out what is off", () => {
  const kinds = (changes: Record<string, string>) =>
    reachOf(configOf(changes)).filter(({ kind }) => kind === "net").map(({ setting }) => setting);
  assert.deepEqual(kinds({}), ["DB_HOST", "HTTP_HOST"]);
  assert.deepEqual(kinds({ HTTP_PORT: "0", DB_DRIVER: "sqlite", WEBHOOK_URL: "https://h.example/x" }), []);
  assert.deepEqual(kinds({ HTTP_PORT: "0", DB_SOCKET: "/run/mysqld/mysqld.sock" }), []);
});

Deno.test("covers() and hostAndPort() read names as Deno's permissions do", () => {
  const cases: [string, string, boolean][] = [
    ["/srv", "/srv/a", true],
    ["/srv/", "/srv", true],
    ["/srv", "/srvx", false],
    ["/srv/a", "/srv/a/../b", false],
    ["/", "/etc", true],
    ["./", "./.env", true],
    ["./", "state/spool", true],
    ["./", "../state", false],
    ["./", "/etc", false],
    ["./state", "state/x", true],
  ];
  for (const [folder, path, expected] of cases) assert.equal(covers(folder, path), expected, `${folder} ${path}`);
  assert.equal(hostAndPort("::1", 80), "[::1]:80");
  assert.equal(hostAndPort("[::1]", 80), "[::1]:80");
  assert.equal(hostAndPort("DB.Example", 3306), "db.example:3306");
});
