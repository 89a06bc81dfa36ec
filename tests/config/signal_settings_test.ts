import assert from "node:assert/strict";
import type { Config } from "../../lib/config/config.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { formatProblem, formatWarning } from "../../lib/config/problems.ts";

const GOOD: Readonly<Record<string, string>> = {
  SIGNAL_NUMBER: "+33639980001",
  SIGNAL_GROUP_ID: btoa("0123456789abcdef0123456789abcdef"),
  AFFILIATE_LINK: "https://shop.example/partner",
  ADMIN_PHONE_NUMBER: "+33639980002",
  DB_DRIVER: "sqlite",
};

function parse(values: Record<string, string>) {
  const all = Object.entries({ ...GOOD, ...values });
  return parseConfig(new Map(all.map(([name, value]) => [name, { value, origin: { file: ".env", line: 1 } }])));
}
function good(values: Record<string, string>): Config {
  const result = parse(values);
  assert.ok("config" in result, "problems" in result ? result.problems.map(formatProblem).join("\n") : "");
  return result.config;
}
function refused(values: Record<string, string>): string[] {
  const result = parse(values);
  return "problems" in result ? result.problems.map(({ name }) => name) : [];
}

Deno.test("SIGNAL_SOCKET is a path or host:port, asked for with the socket transport and warned of without it", () => {
  const socket = (text: string) => good({ SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: text }).signal.socket;
  assert.deepEqual(socket("/run/signal-cli/socket"), { kind: "unix", path: "/run/signal-cli/socket" });
  assert.deepEqual(socket("127.0.0.1:7583"), { kind: "tcp", host: "127.0.0.1", port: 7583 });
  assert.deepEqual(socket("[::1]:7583"), { kind: "tcp", host: "::1", port: 7583 });
  for (const wrong of ["socket", "localhost:0", "localhost:70000", "~/socket"]) {
    assert.deepEqual(refused({ SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: wrong }), ["SIGNAL_SOCKET"], wrong);
  }
  assert.deepEqual(refused({ SIGNAL_TRANSPORT: "socket" }), ["SIGNAL_SOCKET"]);
  const warned = (values: Record<string, string>) => parse(values).warnings.map(formatWarning).join("\n");
  assert.match(warned({ SIGNAL_SOCKET: "/run/socket" }), /no effect unless SIGNAL_TRANSPORT is socket/);
  assert.match(warned({ SIGNAL_TRANSPORT: "socket", SIGNAL_SOCKET: "192.0.2.1:7583" }), /asks nobody for a password/);
  assert.deepEqual(refused({ SIGNAL_TRANSPORT: "oneshot" }), ["SIGNAL_TRANSPORT"]);
});

Deno.test("SIGNAL_GROUP_ID takes name: and a name, and no bare name, which may be a mistyped id", () => {
  assert.equal(good({ SIGNAL_GROUP_ID: "name:Owners of the shop" }).signal.groupId, "name:Owners of the shop");
  assert.deepEqual(refused({ SIGNAL_GROUP_ID: "Owners of the shop" }), ["SIGNAL_GROUP_ID"]);
  assert.deepEqual(refused({ SIGNAL_GROUP_ID: "name:" }), ["SIGNAL_GROUP_ID"]);
});
