import assert from "node:assert/strict";
import { join } from "node:path";
import { groupByName, lookUpOwnerGroup, ownerGroup, ownerGroupId } from "../../lib/app/owner_group.ts";
import type { Config } from "../../lib/config/config.ts";
import { ConfigError } from "../../lib/domain/errors.ts";
import { STATUS_FORMAT } from "../../lib/runtime/status_file.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

const OWNERS = "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=";
const OTHER = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const group = (id: string, name: string, isMember = true) => ({
  id,
  name,
  isMember,
  members: 2,
  announcementOnly: false,
  memberAddresses: [],
});

Deno.test("groups lists names with ids and marks the owner's, by id and by name", async () => {
  await using signal = await SimulatedSignal.create({
    accounts: ["+33199000100"],
    groups: [{ id: OWNERS, name: "Owners", members: [] }, {
      id: OTHER,
      name: "Shop",
      members: [],
      announcementOnly: true,
      memberAddresses: [],
    }],
  });
  await inFolder(async (folder) => {
    const env = { ...goodSettings(folder), SIGNAL_CLI_PATH: signal.cliPath, SIGNAL_CLI_DATA_DIR: signal.dataDir };
    for (const groupId of [OWNERS, "name:Owners"]) {
      const { exit, out, err } = await cli(["groups", "--env-file", "-"], {
        env: { ...env, SIGNAL_GROUP_ID: groupId },
      });
      assert.equal(exit, 0, err);
      assert.match(out, /● Owners {2}0 members\n {4}ZGVt/);
      assert.match(out, / {2}Shop {2}0 members, only admins may write\n {4}AAEC/);
    }
    const json = await cli(["groups", "--json", "--env-file", "-"], { env });
    assert.deepEqual(
      JSON.parse(json.out).groups.map((one: Record<string, unknown>) => [one.name, one.isOwnerGroup]),
      [["Owners", true], ["Shop", false]],
    );
  });
});

Deno.test("groups shows a name in its line, whatever a stranger who added the account called the group", async () => {
  const name = `\u001b[2JMine\n● Owners  3 members\n    ${OWNERS}\u202e`;
  await using signal = await SimulatedSignal.create({
    accounts: ["+33199000100"],
    groups: [{ id: OTHER, name, members: [] }],
  });
  await inFolder(async (folder) => {
    const env = { ...goodSettings(folder), SIGNAL_CLI_PATH: signal.cliPath, SIGNAL_CLI_DATA_DIR: signal.dataDir };
    const { exit, out, err } = await cli(["groups", "--env-file", "-"], { env });
    assert.equal(exit, 0, err);
    assert.deepEqual(out.split("\n").slice(0, 2), [
      `  [2JMine ● Owners  3 members     ${OWNERS}  0 members`,
      `    ${OTHER}`,
    ]);
  });
});

Deno.test("groups comes before the settings are complete: it gives the id that they want", async () => {
  await using signal = await SimulatedSignal.create({
    accounts: ["+33199000100"],
    groups: [{ id: OTHER, name: "Shop", members: [] }],
  });
  await inFolder(async (folder) => {
    const good = { ...goodSettings(folder), SIGNAL_CLI_PATH: signal.cliPath, SIGNAL_CLI_DATA_DIR: signal.dataDir };
    const rest = { ...good, AFFILIATE_LINK: "", ADMIN_PHONE_NUMBER: "" };
    for (const groupId of ["", "your_group_id_here", "Shop"]) {
      const { exit, out, err } = await cli(["groups", "--env-file", "-"], {
        env: { ...rest, SIGNAL_GROUP_ID: groupId },
      });
      assert.equal(exit, 0, err);
      assert.match(out, /Shop {2}0 members\n {4}AAEC(.|\n)*None of them is SIGNAL_GROUP_ID/);
    }
    const without = await cli(["groups", "--env-file", "-"], { env: { ...rest, SIGNAL_NUMBER: "" } });
    assert.equal(without.exit, 2);
    assert.match(without.err, /1 problem in the settings\n {2}SIGNAL_NUMBER/);
  });
});

Deno.test("groups reads the running service's list, since the account is not free then", async () => {
  await inFolder(async (folder) => {
    const run = join(folder, "run");
    await Deno.mkdir(run);
    const record = { format: STATUS_FORMAT, running: true, writtenAtMs: Date.now(), intervalMs: 60_000, status: {} };
    await Deno.writeTextFile(join(run, "status.json"), JSON.stringify(record));
    const groups = [group(OWNERS, "Owners")];
    await Deno.writeTextFile(
      join(run, "groups.json"),
      JSON.stringify({ version: 1, listedAtMs: Date.now() - 60_000, groups }),
    );
    const { exit, out } = await cli(["groups", "--env-file", "-"], {
      env: { ...goodSettings(folder), SIGNAL_CLI_PATH: "/nonexistent" },
    });
    assert.equal(exit, 0);
    assert.match(out, /● Owners(.|\n)*As the running service knew them 60 s ago/);
  });
});

Deno.test("a name is refused when no group or several have it, with the choices; groups that were left do not count", () => {
  const groups = [group(OWNERS, "Owners"), group(OTHER, "Shop"), group("left", "Shop", false)];
  assert.equal(groupByName("Shop", groups).id, OTHER);
  const refusal = (name: string, among = groups) => {
    try {
      groupByName(name, among);
    } catch (error) {
      return error as ConfigError;
    }
  };
  assert.match(refusal("shop")!.accepted!, /ZGVt.* \(Owners\), AAEC.* \(Shop\)/);
  assert.match(refusal("Shop", [...groups, group("x", "Shop")])!.problem, /2 groups are called "Shop"/);
  const strangers = refusal("shop", [group("x", "A\n\u001b[2J\u202eB")])!;
  assert.equal(strangers.accepted, "x (A [2JB)");
});

Deno.test("a name is looked up once: its id stays when the group is renamed, and another name is looked up anew", async () => {
  await inFolder(async (folder) => {
    const config = (groupId: string) =>
      ({
        signal: { number: "+33199000100", groupId },
        files: { stateDir: join(folder, "state") },
      }) as unknown as Config;
    const named = config("name:Owners");
    assert.throws(() => ownerGroup(named), ConfigError);
    await lookUpOwnerGroup(named, () => Promise.resolve([group(OWNERS, "Owners")]));
    await lookUpOwnerGroup(named, () => Promise.reject(new Error("asked twice")));
    assert.equal(ownerGroup(named), `signal:group:${OWNERS}`);
    assert.equal(ownerGroupId(config("name:Shop")), undefined);
    assert.equal(ownerGroupId(config(OTHER)), OTHER);
  });
});
