/**
 * Signal as the service would meet it: the program, its age, the account, who holds it, the owner's group.
 *
 * @module
 */
import { realSignalCli } from "../../app/machine.ts";
import type { SignalGroup } from "../../channels/signal/groups.ts";
import { listGroups } from "../../channels/signal/groups.ts";
import { oneShot } from "../../channels/signal/one_shot.ts";
import { signalCliInfo } from "../../channels/signal/version.ts";
import type { Config } from "../../config/config.ts";
import { ChannelUnavailable } from "../../domain/errors.ts";
import { readGroups } from "../../app/groups_file.ts";
import type { CliContext } from "../command.ts";
import { ownerOf } from "../commands/groups.ts";
import type { Finding } from "../health/finding.ts";
import { SIGNAL_FIXES } from "../health/signal_fixes.ts";
import { judgeVersion, type ServiceState } from "../health/report.ts";
import { signalOptions } from "../signal.ts";

/** How long a process that holds the account is waited for, milliseconds: a person waits. */
const LOCK_TIMEOUT_MS = 5_000;

/** While the service runs, what it says counts: the account is its own. */
export async function judgeSignal(config: Config, context: CliContext, service: ServiceState): Promise<Finding[]> {
  const program = await judgeProgram(config, context);
  if (service.state === "running") {
    const part = service.snapshot.parts["signal"];
    const reason = part?.reason === undefined ? "" : `: ${part.reason}`;
    const listed = await readGroups(config.files.runtimeDir);
    return [
      ...program,
      part?.state === "live" ? { name: "account", level: "ok", text: "in use by the running service" } : {
        name: "account",
        level: "fail",
        dependency: true,
        text: part?.reason === "locked"
          ? "the service waits: another process holds the account"
          : `the running service says ${part?.state ?? "nothing"}${reason}`,
        fix: SIGNAL_FIXES[part?.reason ?? ""] ?? "journalctl -u signal-automation -n 50",
      },
      ...(listed === undefined ? [] : [judgeGroup(config, listed.groups)]),
    ];
  }
  // Without the program there is nobody to ask, unless a daemon was named.
  if (config.signal.transport === "jsonrpc" && program.some(({ level }) => level === "fail")) return program;
  return [...program, ...await askAccount(config, context)];
}

/** The program itself. A daemon runs its own, which says its version when it is asked. */
async function judgeProgram(config: Config, { clock }: CliContext): Promise<Finding[]> {
  if (config.signal.transport === "socket") return [];
  try {
    const { version } = await signalCliInfo(realSignalCli(config), { clock });
    return [judgeVersion(version ?? "a version that it does not say", clock.nowMs())];
  } catch (error) {
    return [failure("signal-cli", error)];
  }
}

async function askAccount(config: Config, context: CliContext): Promise<Finding[]> {
  try {
    return await oneShot({ ...signalOptions(config, context), lockTimeoutMs: LOCK_TIMEOUT_MS }, async (one) => [
      ...(config.signal.transport === "socket" && one.version !== undefined
        ? [judgeVersion(one.version, context.clock.nowMs())]
        : []),
      { name: "account", level: "ok", text: "registered, nobody else holds it, Signal's servers answer" },
      judgeGroup(config, await listGroups(one.rpc)),
    ]);
  } catch (error) {
    return [failure("account", error)];
  }
}

function judgeGroup(config: Config, groups: readonly SignalGroup[]): Finding {
  const name = "owner's group";
  const fix = "signal-automation groups   shows the ids for SIGNAL_GROUP_ID";
  const group = ownerOf(config, groups);
  if (group === undefined) {
    return { name, level: "fail", text: "SIGNAL_GROUP_ID is no group of this account, or not one alone", fix };
  }
  if (!group.isMember) return { name, level: "fail", text: "the account has left it: let somebody add it again", fix };
  if (group.announcementOnly) {
    return {
      name,
      level: "warn",
      text: "only its admins may write",
      fix: "make the account an admin of the group, or let all members write",
    };
  }
  return { name, level: "ok", text: `${group.members} ${group.members === 1 ? "member" : "members"}` };
}

function failure(name: string, error: unknown): Finding {
  if (!(error instanceof ChannelUnavailable)) throw error;
  const fix = SIGNAL_FIXES[error.code];
  return { name, level: "fail", text: error.message, dependency: true, ...(fix !== undefined && { fix }) };
}
