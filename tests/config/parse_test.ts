import assert from "node:assert/strict";
import type { Config } from "../../lib/config/config.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { formatProblem, formatWarning, type Problem, type RawValue } from "../../lib/config/problems.ts";
import { NOT_YET_SUPPORTED, SETTINGS } from "../../lib/config/schema.ts";

const PASSWORD = "correct horse battery";
const GOOD: Readonly<Record<string, string>> = {
  SIGNAL_NUMBER: "+33639980001",
  SIGNAL_GROUP_ID: btoa("0123456789abcdef0123456789abcdef"),
  AFFILIATE_LINK: "https://shop.example/partner",
  ADMIN_PHONE_NUMBER: "+33639980002",
  DB_PASSWORD: PASSWORD,
};

function found(values: Record<string, string>): Map<string, RawValue> {
  return new Map(
    Object.entries(values).map(([name, value], index) => [name, { value, origin: { file: ".env", line: index + 1 } }]),
  );
}
function parse(values: Record<string, string>) {
  return parseConfig(found(values));
}
function good(values: Record<string, string> = {}): Config {
  const result = parse({ ...GOOD, ...values });
  assert.ok("config" in result, "problems" in result ? result.problems.map(formatProblem).join("\n") : "");
  return result.config;
}
function problems(values: Record<string, string>): readonly Problem[] {
  const result = parse(values);
  assert.ok("problems" in result, "a problem was expected");
  return result.problems;
}
function refused(values: Record<string, string>): string[] {
  return problems({ ...GOOD, ...values }).map(({ name }) => name);
}
function warned(values: Record<string, string>): string[] {
  return parse({ ...GOOD, ...values }).warnings.map(formatWarning);
}

Deno.test("parseConfig() needs the five required settings only, and fills in the documented defaults", () => {
  const config = good();
  assert.equal(config.shop.pollIntervalMs, 1000);
  assert.equal(config.shop.timeZone, "Europe/Paris");
  assert.equal(config.shop.ordersTimeZone, "Europe/Paris");
  assert.equal(config.shop.ordersSince, undefined);
  assert.deepEqual(config.database, {
    driver: "mysql",
    host: "localhost",
    port: 3306,
    socketPath: undefined,
    database: "database_card_store",
    user: "signal_automation",
    password: PASSWORD,
    poolSize: 5,
    poolMaxOverflow: 5,
    poolTimeoutMs: 30_000,
    poolRecycleMs: 3_600_000,
    tls: "off",
    tlsCaPath: undefined,
  });
  assert.equal(config.delivery.maxAgeMs, 3 * 86_400_000);
  assert.equal(config.delivery.unknownPolicy.alert, "resend");
  assert.deepEqual(config.files, {
    templatesFile: "/etc/signal-automation/templates.yaml",
    stateDir: "/var/lib/signal-automation",
    runtimeDir: "/run/signal-automation",
    spoolDir: "/var/lib/signal-automation/spool",
  });
  assert.deepEqual(parse(GOOD).warnings, []);
});

Deno.test("parseConfig() gives a config that is frozen to its leaves", () => {
  const config = good();
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.shop) && Object.isFrozen(config.delivery.unknownPolicy));
});

Deno.test("every default in the table is accepted by its own type", () => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    if ("default" in setting && setting.default !== undefined) {
      assert.ok(setting.type.schema.safeParse(setting.default).success, name);
    }
  }
});

Deno.test("the original's settings keep working with their own names and values", () => {
  const config = good({
    DB_HOST: "localhost",
    POLL_INTERVAL_SECONDS: "5",
    WEBHOOK_URL: "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
    WEBHOOK_ENABLED: "false",
    TEMPLATES_FILE: "/opt/signal-automation/config/templates.yaml",
    LOG_DIR: "/opt/signal-automation/logs",
  });
  assert.equal(config.shop.pollIntervalMs, 5000);
  assert.deepEqual([config.webhook.enabled, config.webhook.url], [false, undefined]);
  assert.equal(config.log.dir, "/opt/signal-automation/logs");
});

Deno.test("parseConfig() names all problems of one start at once, each with value, accepted form and place", () => {
  const lines = problems({
    SIGNAL_NUMBER: "06 39 98 00 01",
    MAX_RETRIES: "many",
    DB_PASSWORD: " ",
    TIMEZONE: "Mars/Base",
  })
    .map(formatProblem);
  assert.deepEqual(lines.map((line) => line.split(":")[0]).toSorted(), [
    "ADMIN_PHONE_NUMBER",
    "AFFILIATE_LINK",
    "DB_PASSWORD",
    "MAX_RETRIES",
    "SIGNAL_GROUP_ID",
    "SIGNAL_NUMBER",
    "TIMEZONE",
  ]);
  assert.ok(lines.includes('MAX_RETRIES: not accepted; seen "many"; accepted: a whole number from 0 to 20 (.env:2)'));
  assert.ok(lines.includes("DB_PASSWORD: missing (required unless DB_DRIVER=sqlite); accepted: any text"));
  assert.ok(!lines.join().includes("98 00"), "the digits of a number are stars");
});

Deno.test("a secret is shown as stars of one length, whatever is wrong with it", () => {
  const text = problems({ ...GOOD, WEBHOOK_ENABLED: "true", WEBHOOK_URL: "ftp://hook.example/s3cr3t" }).map(
    formatProblem,
  )
    .join();
  assert.ok(text.includes("seen ********") && !text.includes("s3cr3t"));
});

Deno.test("a long value is cut to 80 characters and control characters are escaped", () => {
  const [problem] = problems({ ...GOOD, MAX_RETRIES: `\n${"x".repeat(500)}\u001b[31m` });
  assert.equal([...JSON.parse(problem!.seen!)].length, 80);
  assert.ok(!formatProblem(problems({ ...GOOD, MAX_RETRIES: "a\u001b[31m" })[0]!).includes("\u001b"));
});

Deno.test("the samples' placeholders are refused, the original's and our own", () => {
  assert.deepEqual(
    refused({
      SIGNAL_NUMBER: "+33123456789",
      SIGNAL_GROUP_ID: "your_group_id_here",
      AFFILIATE_LINK: "https://yoursite.com/affiliate",
      ADMIN_PHONE_NUMBER: "+33987654321",
      DB_PASSWORD: "your_secure_password_here",
      WEBHOOK_ENABLED: "yes",
      WEBHOOK_URL: "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
    }).toSorted(),
    ["ADMIN_PHONE_NUMBER", "AFFILIATE_LINK", "DB_PASSWORD", "SIGNAL_GROUP_ID", "SIGNAL_NUMBER", "WEBHOOK_URL"],
  );
  for (const [name, setting] of Object.entries(SETTINGS)) {
    if (setting.sample === undefined) continue;
    const others = { WEBHOOK_ENABLED: "true", WEBHOOK_FORMAT: "json" };
    assert.ok(refused({ ...others, [name]: setting.sample }).includes(name), name);
  }
});

Deno.test("settings that this version does not support are refused, not ignored", () => {
  for (const name of NOT_YET_SUPPORTED) assert.deepEqual(refused({ [name]: "x" }), [name]);
  assert.ok(formatProblem(problems({ ...GOOD, SIGNAL_TRANSPORT: "rest" })[0]!).includes("comes with a later version"));
});

Deno.test("RETENTION_DAYS counts whole days, one at least, and is 30 unless said otherwise", () => {
  assert.deepEqual(refused({ RETENTION_DAYS: "0" }), ["RETENTION_DAYS"]);
  assert.deepEqual(warned({ RETENTION_DAYS: "5" }), []);
  assert.equal(good({ RETENTION_DAYS: "5" }).privacy.retentionDays, 5);
  assert.equal(good({}).privacy.retentionDays, 30);
});

Deno.test("what depends on another setting is asked for only then", () => {
  assert.deepEqual(refused({ WEBHOOK_ENABLED: "true" }), ["WEBHOOK_URL"]);
  assert.deepEqual(refused({ WEBHOOK_ENABLED: "1", WEBHOOK_URL: "https://a.example/x", WEBHOOK_FORMAT: "json" }), [
    "WEBHOOK_SIGNING_SECRET",
  ]);
  assert.deepEqual(refused({ LANE_WINDOW: "32", SEND_WINDOW: "16" }), ["LANE_WINDOW"]);
  assert.equal(good({ SEND_WINDOW: "8" }).delivery.laneWindow, 8);
});

Deno.test("with SQLite no DB_ setting is needed or looked at", () => {
  const config = good({ DB_DRIVER: "sqlite", DB_PASSWORD: "", DB_PORT: "none", STATE_DIR: "./state" });
  assert.deepEqual(config.database, { driver: "sqlite", path: "./state/signal-automation.db" });
  assert.equal(config.files.spoolDir, "./state/spool");
});

Deno.test("folders given by systemd come before the built-in ones and behind our own settings", () => {
  const given = { STATE_DIRECTORY: "/var/lib/a:/var/lib/b", RUNTIME_DIRECTORY: "/run/a" };
  assert.deepEqual([good(given).files.stateDir, good(given).files.runtimeDir], ["/var/lib/a", "/run/a"]);
  assert.equal(good({ ...given, STATE_DIR: "/srv/s" }).files.stateDir, "/srv/s");
});

Deno.test("values in all their forms", () => {
  const yes = ["true", "TRUE", "1", "yes", "on"].map((text) =>
    good({ WEBHOOK_ENABLED: text, WEBHOOK_URL: "https://a.example" })
  );
  assert.ok(yes.every((config) => config.webhook.enabled));
  assert.deepEqual(refused({ WEBHOOK_ENABLED: "maybe" }), ["WEBHOOK_ENABLED"]);
  assert.equal(good({ POLL_INTERVAL_SECONDS: "0.25" }).shop.pollIntervalMs, 250);
  const ages = ["3600", "90s", "30m", "12h", "3d"].map((text) => good({ DELIVERY_MAX_AGE: text }).delivery.maxAgeMs);
  assert.deepEqual(ages, [3_600_000, 90_000, 1_800_000, 43_200_000, 259_200_000]);
  assert.deepEqual(["warn", "Warning", "CRITICAL"].map((text) => good({ LOG_LEVEL: text }).log.level), [
    "warn",
    "warn",
    "critical",
  ]);
  assert.equal(good({ CURRENCY: "usd" }).shop.currency, "USD");
  assert.deepEqual(refused({ CURRENCY: "XXQ", TIMEZONE: "+01:00", TOKEN_LENGTH: "7", MAX_RETRIES: "1e1" }).toSorted(), [
    "CURRENCY",
    "MAX_RETRIES",
    "TIMEZONE",
    "TOKEN_LENGTH",
  ]);
  assert.deepEqual(refused({ SIGNAL_GROUP_ID: btoa("too short") }), ["SIGNAL_GROUP_ID"]);
  assert.deepEqual(refused({ AFFILIATE_LINK: "shop.example" }), ["AFFILIATE_LINK"]);
});

Deno.test("a password keeps the blanks around it; other values lose them", () => {
  const { database } = good({ DB_PASSWORD: " two blanks ", DB_NAME: " shop " });
  assert.ok(database.driver === "mysql");
  assert.deepEqual([database.password, database.database], [" two blanks ", "shop"]);
});

Deno.test("UNKNOWN_POLICY takes one policy, pairs, or both, and refuses kinds that do not exist", () => {
  const policy = good({ UNKNOWN_POLICY: "hold, alert=resend" }).delivery.unknownPolicy;
  assert.deepEqual([policy.alert, policy.order_owner], ["resend", "hold"]);
  assert.equal(good({ UNKNOWN_POLICY: "alert=hold" }).delivery.unknownPolicy.reply, "resend");
  for (const text of ["maybe", "orders=hold", "alert=hold,alert=resend", "alert=hold=x", "hold,resend"]) {
    assert.deepEqual(refused({ UNKNOWN_POLICY: text }), ["UNKNOWN_POLICY"], text);
  }
});

Deno.test("a host has no port behind it: that has a setting of its own", () => {
  for (const host of ["localhost:3306", "127.0.0.1:3306", "[::1]:3306", ":3306"]) {
    assert.deepEqual(refused({ DB_HOST: host }), ["DB_HOST"], host);
  }
  for (const host of ["db.example", "127.0.0.1", "::1", "[::1]", "fe80::1%eth0"]) good({ DB_HOST: host });
});

Deno.test("ORDERS_SINCE is a word, or a date in the zone of the orders", () => {
  assert.equal(good({ ORDERS_SINCE: "NOW" }).shop.ordersSince, "now");
  const since = good({ ORDERS_SINCE: "2026-07-01", ORDERS_TIMEZONE: "Asia/Tokyo" }).shop.ordersSince;
  assert.deepEqual(since, { sinceMs: Date.parse("2026-06-30T15:00:00Z") });
  assert.deepEqual(refused({ ORDERS_SINCE: "2026-02-30" }), ["ORDERS_SINCE"]);
});

Deno.test("works, but warned of: no TLS, a short password, a link with a query, alerts to ourselves, a crossed lease", () => {
  assert.match(warned({ WEBHOOK_ENABLED: "on", WEBHOOK_URL: "http://a.example" }).join(), /WEBHOOK_URL: http: sends/);
  assert.match(warned({ DB_PASSWORD: "short" }).join(), /DB_PASSWORD: shorter than 8/);
  assert.match(warned({ DB_HOST: "db.example" }).join(), /DB_TLS: off/);
  assert.match(warned({ AFFILIATE_LINK: "https://a.example/?x=1" }).join(), /AFFILIATE_LINK: has a \?/);
  assert.match(warned({ ADMIN_PHONE_NUMBER: GOOD["SIGNAL_NUMBER"]! }).join(), /ADMIN_PHONE_NUMBER: the same/);
  assert.match(warned({ SIGNAL_TIMEOUT: "600" }).join(), /SIGNAL_TIMEOUT: many times/);
});

Deno.test("a name near one of ours gets a did-you-mean, others pass", () => {
  const { DB_PASSWORD: _, ...rest } = GOOD;
  const [problem] = problems({ ...rest, DB_PASWORD: PASSWORD });
  assert.match(formatProblem(problem!), /^DB_PASSWORD: missing.*the file has DB_PASWORD$/);
  assert.deepEqual(warned({ SEDN_WINDOW: "1" }), ["SEDN_WINDOW: not a setting; did you mean SEND_WINDOW? (.env:6)"]);
  assert.deepEqual(warned({ JAVA_OPTS: "x", SIGNAL_CLI_OPTS: "x", PATH: "/bin", SHOP_COLOUR: "red", TZ: "UTC" }), []);
});
