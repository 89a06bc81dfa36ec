/**
 * A second signal-cli on the account. The program may not read `/proc`; systemd shows every process that it keeps track
 * of, also those of people who are logged in, and its list is what can be had.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import type { Finding } from "../health/finding.ts";
import type { Systemctl } from "../systemctl.ts";

/** A process of signal-cli, as far as it concerns us. Its command line is looked at and not kept: it holds numbers. */
interface SignalCli {
  readonly pid: string;
  /** The unit, or the session of a person, to which it belongs. */
  readonly unit: string;
}

/** @param unit the service's own: what it started is its own business */
export async function judgeProcesses(config: Config, ask: Systemctl, unit: string): Promise<Finding[]> {
  const name = "second signal-cli";
  const tree = await ask(["status", "--full", "--lines=0"]);
  const found = tree === undefined ? undefined : processesOf(tree, config.signal.number);
  if (found === undefined) {
    return [{
      name,
      level: "ok",
      text: "cannot be seen from here without systemd; the account's lock tells",
      fix: "ps -eo pid,user,args | grep '[s]ignal-cli'",
    }];
  }
  const cliUnit = unit.replace("signal-automation", "signal-cli");
  const own = config.signal.transport === "socket" ? [unit, cliUnit] : [unit];
  const others = found.filter((process) => !own.includes(process.unit));
  if (others.length === 0) return [{ name, level: "ok", text: "none" }];
  return [...Map.groupBy(others, (process) => process.unit)].map(([unit, processes]) => {
    const pids = processes.map(({ pid }) => pid).join(",");
    const fix = unit.endsWith(".service")
      ? `sudo systemctl disable --now ${unit}`
      : `ps -o pid,user,lstart,args -p ${pids}   then: sudo kill ${pids.replaceAll(",", " ")}`;
    const text = `runs on this account, or on all, as process ${pids} in ${unit}: of two, one waits for the other`;
    return { name, level: "warn", text, fix };
  });
}

const UNIT_LINE = /[├└]─\s*(\S+\.(?:service|scope|slice|socket|mount|swap))\s*$/;
const PROCESS_LINE = /[├└]─\s*(\d+)\s+(.+)$/;
/** The program's start script, its Java class, or its native build. */
const IS_SIGNAL_CLI = /org\.asamk\.signal\.Main|(?:^|[\s/"])signal-cli(?=[\s"]|$)/;
const ACCOUNT = /(?:^|[\s"])(?:-a|-u|--account|--username)(?:=|[\s"]+)(\+?[0-9A-Za-z-]+)/;

/** @returns undefined when this is no tree of processes */
function processesOf(tree: string, number: string): readonly SignalCli[] | undefined {
  const found: SignalCli[] = [];
  let unit: string | undefined;
  for (const line of tree.split("\n")) {
    unit = UNIT_LINE.exec(line)?.[1] ?? unit;
    const [, pid, command] = PROCESS_LINE.exec(line) ?? [];
    if (pid === undefined || unit === undefined || !IS_SIGNAL_CLI.test(command!)) continue;
    const account = ACCOUNT.exec(command!)?.[1];
    if (account === undefined || account === number) found.push({ pid, unit });
  }
  return unit === undefined ? undefined : found;
}
