/**
 * What the settings make the program touch: files, hosts, programs. From this one list come the permissions of a
 * deployment build (`permissions.ts`) and the refusals of `check` (`outside_grants.ts`), so the two cannot disagree.
 *
 * @module
 */
import type { Config } from "./config.ts";
import type { SettingName } from "./schema.ts";

export type ReachKind = "read" | "write" | "net" | "run";

/** One thing that the program touches because of one setting. */
export interface Reach {
  readonly setting: SettingName;
  readonly kind: ReachKind;
  /** A path; `host:port`, IPv6 in brackets; a program's name or path. As Deno's permission flags take it. */
  readonly target: string;
  /** What for, a clause. */
  readonly why: string;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };

/** Everything that these settings make the program touch, in a fixed order. */
export function reachOf(config: Config): Reach[] {
  return [...filesOf(config), ...databaseOf(config), ...hostsOf(config), ...programOf(config)];
}

function filesOf({ files, log }: Config): Reach[] {
  // The folder, because a text that is a link may be exchanged for another one beside it.
  const reaches: Reach[] = [
    {
      setting: "TEMPLATES_FILE",
      kind: "read",
      target: folderOf(files.templatesFile),
      why: "the texts, and links to them",
    },
    ...both("STATE_DIR", files.stateDir, "what must outlive a restart"),
    ...both("RUNTIME_DIR", files.runtimeDir, "what must outlive a crash"),
    ...both("SPOOL_DIR", files.spoolDir, "what arrives while the database is away"),
  ];
  if (log.dir !== undefined) reaches.push(...both("LOG_DIR", log.dir, "log files"));
  return reaches;
}

function databaseOf({ database }: Config): Reach[] {
  if (database.driver === "sqlite") {
    return both("SQLITE_PATH", folderOf(database.path), "the database, and the files that SQLite keeps beside it");
  }
  const reaches: Reach[] = database.socketPath === undefined
    ? [{ setting: "DB_HOST", kind: "net", target: hostAndPort(database.host, database.port), why: "the database" }]
    : both("DB_SOCKET", database.socketPath, "the database's socket");
  if (database.tlsCaPath !== undefined) {
    reaches.push({ setting: "DB_TLS_CA", kind: "read", target: database.tlsCaPath, why: "who signed the certificate" });
  }
  return reaches;
}

function hostsOf({ webhook, http }: Config): Reach[] {
  const reaches: Reach[] = [];
  if (webhook.enabled && webhook.url !== undefined) {
    const { protocol, hostname, port } = new URL(webhook.url);
    const target = hostAndPort(hostname, port === "" ? DEFAULT_PORTS[protocol] ?? 443 : Number(port));
    reaches.push({ setting: "WEBHOOK_URL", kind: "net", target, why: "alerts when Signal is the trouble" });
  }
  if (http.port !== 0) {
    const target = hostAndPort(http.host, http.port);
    reaches.push({ setting: "HTTP_HOST", kind: "net", target, why: "the address to listen on" });
  }
  return reaches;
}

function programOf({ signal }: Config): Reach[] {
  const { cliPath, transport, socket } = signal;
  const daemon: Reach[] = transport !== "socket" || socket === undefined
    ? []
    : socket.kind === "unix"
    ? both("SIGNAL_SOCKET", socket.path, "the Signal client's socket")
    : [{
      setting: "SIGNAL_SOCKET",
      kind: "net",
      target: hostAndPort(socket.host, socket.port),
      why: "the Signal client",
    }];
  const run: Reach = { setting: "SIGNAL_CLI_PATH", kind: "run", target: cliPath, why: "the Signal client" };
  if (!cliPath.includes("/")) return [...daemon, run];
  return [...daemon, run, {
    setting: "SIGNAL_CLI_PATH",
    kind: "read",
    target: cliPath,
    why: "whether it is there and executable",
  }];
}

function both(setting: SettingName, target: string, why: string): Reach[] {
  return [{ setting, kind: "read", target, why }, { setting, kind: "write", target, why }];
}

/** `host:port`, as permissions want it: IPv6 in brackets, lower case. */
export function hostAndPort(host: string, port: number): string {
  const name = host.toLowerCase();
  return name.includes(":") && !name.startsWith("[") ? `[${name}]:${port}` : `${name}:${port}`;
}

/** The folder of a path; `./` for a bare name. */
function folderOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut > 0 ? path.slice(0, cut) : cut === 0 ? "/" : "./";
}

/** Whether a grant of `folder` (or file) covers `path`, both as written; neither is looked up on disk. */
export function covers(folder: string, path: string): boolean {
  const [above, below] = [normal(folder), normal(path)];
  if (above === below || above === "/" && below.startsWith("/")) return true;
  if (above === ".") return !below.startsWith("/") && !/^\.\.(?:\/|$)/.test(below);
  return below.startsWith(`${above}/`);
}

/** Without `.`, `//` and a closing slash, with `..` taken back where that needs no disk. */
function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !path.startsWith("/")) parts.push(part);
  }
  if (path.startsWith("/")) return `/${parts.join("/")}`;
  return parts.length === 0 ? "." : parts.join("/");
}
