/** `groups` @module */
import { readGroups } from "../../app/groups_file.ts";
import { ownerGroupId, ownerGroupName } from "../../app/owner_group.ts";
import { listGroups, type SignalGroup } from "../../channels/signal/groups.ts";
import { oneShot } from "../../channels/signal/one_shot.ts";
import type { Config } from "../../config/config.ts";
import { readStatusFile } from "../../runtime/status_file.ts";
import { type CliContext, type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { serviceState } from "../health/report.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { flat } from "../screen/table.ts";
import { formatSpan } from "../screen/when.ts";
import { needAccount } from "../settings.ts";
import { signalOptions } from "../signal.ts";

export const groupsCommand: CommandSpec = {
  path: ["groups"],
  summary: "List the Signal groups of the account, with their ids",
  details: "For SIGNAL_GROUP_ID, which takes an id, or name: and the name of a group. While the service runs, it is " +
    "its list, made when signal-cli became ready (a reload makes it anew); else signal-cli is asked.",
  options: [JSON_OUTPUT, ENV_FILE],
  examples: [{ line: "signal-automation groups", meaning: "names, ids, and which one hears of orders" }],
  async run(invocation, context) {
    const { terminal, clock } = context;
    const config = await needAccount(invocation, context);
    const { groups, listedAtMs } = await findGroups(config, context);
    const owner = ownerOf(config, groups);
    if (invocation.flag("json")) {
      printJson(terminal, {
        listedAtMs,
        groups: groups.map((group) => ({ ...group, isOwnerGroup: group === owner })),
      });
      return EXIT.done;
    }
    const paint = painter(terminal.outInfo.colour);
    if (groups.length === 0) {
      terminal.out("The account belongs to no group. Make one in Signal and add the account's number to it.\n");
      return EXIT.done;
    }
    for (const group of groups) {
      const marks = [
        `${group.members} ${group.members === 1 ? "member" : "members"}`,
        ...(group.isMember ? [] : [paint.warn("left")]),
        ...(group.announcementOnly ? [paint.warn("only admins may write")] : []),
      ];
      const mark = group === owner ? paint.good("●") : " ";
      terminal.out(
        `${mark} ${paint.bold(flat(group.name) || "(without a name)")}  ${marks.join(", ")}\n    ${group.id}\n`,
      );
    }
    const ageMs = clock.nowMs() - listedAtMs;
    terminal.out(
      owner === undefined
        ? `${paint.warn("None of them is SIGNAL_GROUP_ID.")}\n`
        : `${paint.good("●")} hears of orders and affiliates (SIGNAL_GROUP_ID)\n`,
    );
    if (ageMs > 1_000) terminal.out(`As the running service knew them ${formatSpan(ageMs)} ago.\n`);
    return EXIT.done;
  },
};

/** From the running service, or from signal-cli. @throws {ChannelUnavailable} */
export async function findGroups(
  config: Config,
  context: CliContext,
): Promise<{ readonly groups: readonly SignalGroup[]; readonly listedAtMs: number }> {
  const { clock } = context;
  const { runtimeDir } = config.files;
  if (serviceState(await readStatusFile(`${runtimeDir}/status.json`), clock.nowMs()).state === "running") {
    const listed = await readGroups(runtimeDir);
    if (listed !== undefined) return listed;
  }
  const groups = await oneShot(signalOptions(config, context), ({ rpc }) => listGroups(rpc));
  return { groups, listedAtMs: clock.nowMs() };
}

/** The group that the settings mean, by id, or by a name that is its alone. */
export function ownerOf(config: Config, groups: readonly SignalGroup[]): SignalGroup | undefined {
  const id = ownerGroupId(config);
  if (id !== undefined) return groups.find((group) => group.id === id);
  const named = groups.filter(({ name, isMember }) => isMember && name.trim() === ownerGroupName(config));
  return named.length === 1 ? named[0] : undefined;
}
