/**
 * What stands around the service: folders, the port, the webhook, what an original installation left.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { networkFailure } from "../../alerts/webhook.ts";
import { within } from "../../runtime/clock.ts";
import { removeIfThere } from "../../runtime/atomic_file.ts";
import type { Finding } from "../health/finding.ts";
import type { ServiceState } from "../health/report.ts";
import type { Systemctl } from "../systemctl.ts";
import { judgeCron } from "./cron.ts";
import { judgeOriginalUnit } from "./unit.ts";

/** Longest wait for the webhook's server, milliseconds. */
const WEBHOOK_TIMEOUT_MS = 10_000;
/** Write permission of the group or of others. */
const WRITABLE_BY_OTHERS = 0o022;
/** Codes of {@link networkFailure} in words. */
const FAILURES: Readonly<Record<string, string>> = {
  name_not_found: "its name cannot be resolved",
  connection_refused: "nobody listens there",
  unreachable: "there is no way through the network",
  tls: "its certificate or encryption is not accepted",
  connection_lost: "the connection was closed",
};

/** What an original installation has, with how it gets in the way. */
const LEFTOVERS: readonly (readonly [path: string, text: string, fix: string])[] = [
  [
    "/opt/signal-automation/monitoring/health_check.sh",
    "the original's health check is here: its cron line starts a second signal-cli on the account",
    "sudo crontab -l | grep -v health_check.sh | sudo crontab -",
  ],
];

/** Each folder that the service writes: there, writable, nobody else's. */
export async function judgeFolders({ files, log, signal }: Config): Promise<Finding[]> {
  const folders: [string, string | undefined][] = [
    ["STATE_DIR", files.stateDir],
    ["RUNTIME_DIR", files.runtimeDir],
    ["SPOOL_DIR", files.spoolDir],
    ["LOG_DIR", log.dir],
  ];
  const findings: Finding[] = [];
  const owners = new Map<number, string>();
  for (const [name, path] of folders) {
    if (path === undefined) continue;
    const info = await statOf(path);
    if (info === undefined) {
      // The service makes these at its start; LOG_DIR is the operator's.
      if (name === "LOG_DIR") {
        findings.push({
          name,
          level: "fail",
          text: `there is no ${path}`,
          fix: `sudo install -d -m 0750 -o signal-automation ${path}`,
        });
      }
      continue;
    }
    if (info.uid !== null) owners.set(info.uid, name);
    const mode = info.mode ?? 0;
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      const text = `${path} can be written by others (mode ${(mode & 0o777).toString(8)})`;
      findings.push({ name, level: "warn", text, fix: `chmod go-w ${path}` });
    }
    if (!await writable(path)) {
      findings.push({
        name,
        level: "fail",
        text: `${path} cannot be written by this user`,
        fix: `run doctor as the service's user, or: sudo chown -R signal-automation ${path}`,
      });
    }
  }
  if (owners.size > 1) {
    const text = `the folders belong to different users (${
      [...owners].map(([uid, name]) => `${name}: ${uid}`).join(", ")
    })`;
    findings.push({ name: "folders", level: "warn", text, fix: "let them all belong to the service's user: chown -R" });
  }
  findings.push(
    ...await judgeAccountFiles(files.stateDir, signal.transport === "socket" ? undefined : signal.cliDataDir),
  );
  return findings.length > 0 ? findings : [{ name: "folders", level: "ok", text: "writable, and nobody else's" }];
}

/** Whether the account's files are the service's: linked by root they are not, and signal-cli then refuses to start. */
async function judgeAccountFiles(stateDir: string, dataDir: string | undefined): Promise<Finding[]> {
  const [state, ...account] = await Promise.all([
    statOf(stateDir),
    ...(dataDir === undefined
      ? []
      : [statOf(dataDir), statOf(`${dataDir}/data`), statOf(`${dataDir}/data/accounts.json`)]),
  ]);
  const foreign = account.find((info) => state !== undefined && info !== undefined && info.uid !== state.uid);
  if (foreign === undefined) return [];
  return [{
    name: "account's files",
    level: "fail",
    text: `in ${dataDir} they belong to user ${foreign.uid}, STATE_DIR to ${state!.uid}: the service cannot use them`,
    fix: `sudo chown -R --reference=${stateDir} ${dataDir}`,
  }];
}

/** The port of HTTP: free, or the running service's. */
export function judgePort({ http }: Config, service: ServiceState): Finding {
  const name = "http";
  if (http.port === 0) return { name, level: "ok", text: "off" };
  const where = `${http.host}:${http.port}`;
  if (service.state === "running") {
    const part = service.snapshot.parts["http"];
    return part === undefined || part.state === "live"
      ? { name, level: "ok", text: `${where}, the running service's` }
      : { name, level: "warn", text: `${where}: ${part.reason ?? part.state}`, fix: `ss -ltnp 'sport = ${http.port}'` };
  }
  try {
    Deno.listen({ hostname: http.host, port: http.port }).close();
    return { name, level: "ok", text: `${where} is free` };
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse ? "is taken" : "cannot be listened on";
    return {
      name,
      level: "fail",
      text: `${where} ${why}`,
      fix: `ss -ltnp 'sport = ${http.port}'   or another HTTP_PORT`,
    };
  }
}

/** Whether the webhook's server can be reached. Nothing is posted. */
export async function judgeWebhook({ webhook }: Config): Promise<Finding> {
  const name = "webhook";
  if (!webhook.enabled || webhook.url === undefined) {
    const fix = "set WEBHOOK_URL and WEBHOOK_ENABLED=true";
    return { name, level: "warn", text: "none: nobody hears of it when Signal itself is the trouble", fix };
  }
  const abort = new AbortController();
  const { origin, host } = new URL(webhook.url);
  try {
    // The root, not the address itself: that is a secret, and some receivers count every request.
    const asked = fetch(origin, { method: "HEAD", redirect: "manual", signal: abort.signal });
    await (await within(asked, WEBHOOK_TIMEOUT_MS, "webhook")).body?.cancel();
    return { name, level: "ok", text: `${host} answers; doctor --send posts a test` };
  } catch (error) {
    abort.abort();
    const code = networkFailure(error);
    const why = FAILURES[code] ?? code;
    return { name, level: "fail", text: `${host} cannot be reached: ${why}`, fix: `curl -sI ${origin}` };
  }
}

/** What an original installation left: files, its unit, lines of cron. */
export async function judgeLeftovers(ask: Systemctl, unit: string): Promise<Finding[]> {
  const found = await judgeOriginalUnit(ask, unit);
  for (const [path, text, fix] of LEFTOVERS) {
    if (await statOf(path) !== undefined) found.push({ name: "leftovers", level: "warn", text, fix });
  }
  const cron = await judgeCron(found.length > 0);
  return [...(found.length > 0 ? found : [{ name: "leftovers", level: "ok", text: "none" } as const]), ...cron];
}

/** @returns undefined for what is not there, or may not be looked at */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    const hidden = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied;
    if (hidden) return undefined;
    throw error;
  }
}

async function writable(folder: string): Promise<boolean> {
  const path = `${folder}/.doctor-${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(path, "", { createNew: true, mode: 0o600 });
    await removeIfThere(path);
    return true;
  } catch (error) {
    const refused = error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ||
      (error as { readonly code?: unknown }).code === "EROFS";
    if (refused) return false;
    throw error;
  }
}
