/**
 * The unit as systemd has it: whether it is still the original system's, and whether its sandbox lets the service reach
 * signal-cli. Nothing is said where systemd does not run.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import type { Finding } from "../health/finding.ts";
import { type Systemctl, unitProperties } from "../systemctl.ts";

const PROPERTIES = [
  "LoadState",
  "UnitFileState",
  "ExecStart",
  "Environment",
  "ExecPaths",
  "NoExecPaths",
  "ProtectHome",
  "ReadWritePaths",
  "InaccessiblePaths",
  "ProtectSystem",
  "StateDirectory",
  "RuntimeDirectory",
  "LogsDirectory",
];
/** What starts the original system. */
const ORIGINAL = /main\.py\b/;
/** Hidden by `ProtectHome=`. */
const HOMES = ["/home", "/root", "/run/user"];

/** The original under the same unit name: it would take the account at the next boot. */
export async function judgeOriginalUnit(ask: Systemctl, unit: string): Promise<Finding[]> {
  const found = await unitProperties(ask, unit, PROPERTIES);
  if (found === undefined || !ORIGINAL.test(found.get("ExecStart") ?? "")) return [];
  const enabled = found.get("UnitFileState") === "enabled";
  return [{
    name: "leftovers",
    level: enabled ? "fail" : "warn",
    text: `${unit} is the original system's${enabled ? ", and starts it at every boot" : ""}: ` +
      "two programs on one account lose messages",
    fix: "signal-automation install --from /opt/signal-automation | sudo sh",
  }];
}

/** Whether the unit may run the settings' signal-cli and Java, and read the account's folder. */
export async function judgeSandbox(config: Config, ask: Systemctl, unit: string): Promise<Finding[]> {
  const found = await unitProperties(ask, unit, PROPERTIES);
  if (found === undefined || found.get("LoadState") !== "loaded" || ORIGINAL.test(found.get("ExecStart") ?? "")) {
    return [];
  }
  const { cliPath, cliDataDir, transport } = config.signal;
  const hidden = [
    ...(["yes", "tmpfs"].includes(found.get("ProtectHome") ?? "") ? HOMES : []),
    ...pathsOf(found.get("InaccessiblePaths")),
  ];
  const allowed = pathsOf(found.get("ExecPaths"));
  const restricted = pathsOf(found.get("NoExecPaths")).includes("/");
  const findings: Finding[] = [];
  const program = (setting: string, path: string, place: string) => {
    const unseen = hidden.find((folder) => isBelow(path, folder));
    if (unseen === undefined && (!restricted || allowed.some((folder) => isBelow(path, folder)))) return;
    const why = unseen === undefined ? "may not run" : "cannot even see";
    findings.push({
      name: "sandbox",
      level: "fail",
      text: `${setting} is ${path}, which ${unit} ${why}`,
      fix: unseen === undefined
        ? `sudo systemctl edit ${unit}   and below [Service]: ExecPaths=${path}   or move it to ${place}`
        : `move it to ${place}`,
    });
  };
  if (transport !== "socket") {
    // A bare name is looked up on the unit's PATH, which has only places that it may run from.
    if (cliPath.startsWith("/")) program("SIGNAL_CLI_PATH", cliPath, "/opt");
    const java = /(?:^|\s)"?JAVA_HOME=([^\s"]+)/.exec(found.get("Environment") ?? "")?.[1];
    if (java !== undefined) program("JAVA_HOME of the unit", java, "/opt");
    const unseen = cliDataDir === undefined ? undefined : hidden.find((folder) => isBelow(cliDataDir, folder));
    if (cliDataDir !== undefined && unseen !== undefined) {
      findings.push({
        name: "sandbox",
        level: "fail",
        text: `SIGNAL_CLI_DATA_DIR is ${cliDataDir}, which ${unit} cannot even see`,
        fix: "signal-automation install --from /opt/signal-automation | sudo sh   moves the account, or move it to " +
          `/var/lib/${found.get("StateDirectory") || "signal-automation"}/signal-cli`,
      });
    }
  }
  findings.push(...unwritable(config, found, unit));
  return findings.length > 0 ? findings : [{ name: "sandbox", level: "ok", text: `${unit} reaches signal-cli` }];
}

/** Folders of the settings that the unit keeps read-only. Who runs doctor may well write them: the service may not. */
function unwritable(
  { files, log, database, signal }: Config,
  found: ReadonlyMap<string, string>,
  unit: string,
): Finding[] {
  if (found.get("ProtectSystem") !== "strict") return [];
  const own = (property: string, root: string) =>
    (found.get(property) ?? "").split(/\s+/).filter((name) => name !== "").map((name) => `${root}/${name}`);
  const writable = [
    ...own("StateDirectory", "/var/lib"),
    ...own("RuntimeDirectory", "/run"),
    ...own("LogsDirectory", "/var/log"),
    ...pathsOf(found.get("ReadWritePaths")),
  ];
  const written: [setting: string, path: string | undefined][] = [
    ["STATE_DIR", files.stateDir],
    ["RUNTIME_DIR", files.runtimeDir],
    ["SPOOL_DIR", files.spoolDir],
    ["LOG_DIR", log.dir],
    ["SQLITE_PATH", database.driver === "sqlite" ? database.path : undefined],
    ["SIGNAL_CLI_DATA_DIR", signal.transport === "socket" ? undefined : signal.cliDataDir],
  ];
  return written.flatMap(([setting, path]) => {
    if (path === undefined || !path.startsWith("/") || writable.some((folder) => isBelow(path, folder))) return [];
    const folder = setting === "SQLITE_PATH" ? path.slice(0, Math.max(1, path.lastIndexOf("/"))) : path;
    return [{
      name: "sandbox",
      level: "fail" as const,
      text: `${setting} is ${path}, which ${unit} may not write`,
      fix: `sudo systemctl edit ${unit}   and below [Service]: ReadWritePaths=${folder}   or a path below ${
        writable[0]
      }`,
    }];
  });
}

/** systemd's list of paths: `-` in front of one that may be missing, `+` below the root of the unit. */
function pathsOf(list: string | undefined): string[] {
  return (list ?? "").split(/\s+/).map((path) => path.replace(/^[-+]+/, "")).filter((path) => path.startsWith("/"));
}

function isBelow(path: string, folder: string): boolean {
  return folder === "/" || path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
