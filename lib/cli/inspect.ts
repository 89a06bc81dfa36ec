/**
 * Looks at the files that the settings name, without changing or creating any.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Problem, Warning } from "../config/problems.ts";
import { describeProblem } from "../runtime/file_problem.ts";
import { readTemplates } from "./template_file.ts";

export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
}

/** What would stop or surprise the service at its start. */
export async function inspectFiles(config: Config): Promise<Findings> {
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const { templatesFile, stateDir, runtimeDir, spoolDir } = config.files;

  await guarded("TEMPLATES_FILE", templatesFile, problems, async () => {
    const compiled = await readTemplates(templatesFile);
    if (compiled === undefined) {
      warnings.push({ name: "TEMPLATES_FILE", warning: `there is no ${templatesFile}: the built-in texts are used` });
    } else if (compiled.ok) {
      for (const warning of compiled.warnings) {
        warnings.push({ name: "TEMPLATES_FILE", warning: describeProblem(templatesFile, warning) });
      }
    } else {
      for (const problem of compiled.problems) {
        problems.push({ name: "TEMPLATES_FILE", problem: describeProblem(templatesFile, problem) });
      }
    }
  });

  const folders: [string, string | undefined][] = [
    ["STATE_DIR", stateDir],
    ["RUNTIME_DIR", runtimeDir],
    ["SPOOL_DIR", spoolDir],
    ["LOG_DIR", config.log.dir],
    ["SQLITE_PATH", config.database.driver === "sqlite" ? folderOf(config.database.path) : undefined],
  ];
  for (const [name, path] of folders) {
    if (path === undefined) continue;
    await guarded(name, path, problems, async () => {
      const found = await nearestExisting(path);
      if (found !== undefined && !found.info.isDirectory) {
        problems.push({ name, problem: `${found.path} is no folder`, accepted: "a folder that the service may write" });
      }
    });
  }

  if (config.database.driver === "mysql" && config.database.tlsCaPath !== undefined) {
    const path = config.database.tlsCaPath;
    await guarded("DB_TLS_CA", path, problems, async () => {
      const text = await Deno.readTextFile(path);
      if (!text.includes("-----BEGIN CERTIFICATE-----")) {
        problems.push({ name: "DB_TLS_CA", problem: `${path} holds no certificate`, accepted: "a PEM file" });
      }
    });
  }
  if (config.signal.cliPath.includes("/")) {
    const path = config.signal.cliPath;
    await guarded("SIGNAL_CLI_PATH", path, problems, async () => {
      const info = await Deno.stat(path);
      if (!info.isFile) problems.push({ name: "SIGNAL_CLI_PATH", problem: `${path} is no file` });
      else if (info.mode !== null && (info.mode & 0o111) === 0) {
        problems.push({ name: "SIGNAL_CLI_PATH", problem: `${path} is not executable`, accepted: "chmod +x" });
      }
    });
  }
  return { problems, warnings };
}

/** Runs a look at one path; what the system refuses becomes a problem of the setting that named it. */
async function guarded(name: string, path: string, problems: Problem[], look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      problems.push({ name, problem: `there is no ${path}` });
    } else if (error instanceof Deno.errors.NotCapable) {
      problems.push({
        name,
        problem: `this program is not permitted to reach ${path}`,
        accepted:
          "a path below /etc/signal-automation (to read), /opt/signal-automation, /var/lib/signal-automation, " +
          "/var/log/signal-automation, /run/signal-automation or the folder where it is started",
        hint: "scripts/compile.ts --for ENV_FILE compiles a program for other paths",
      });
    } else if (error instanceof Deno.errors.PermissionDenied) {
      problems.push({ name, problem: `this user may not reach ${path}`, accepted: "a path of the service's user" });
    } else throw error;
  }
}

/** The path itself, or the nearest folder above it that exists: the service creates what is below. */
async function nearestExisting(
  path: string,
): Promise<{ readonly path: string; readonly info: Deno.FileInfo } | undefined> {
  for (let at = path;; at = folderOf(at)) {
    try {
      return { path: at, info: await Deno.stat(at) };
    } catch (error) {
      // Above the permitted folders nothing may be seen, and nothing need be.
      if (error instanceof Deno.errors.NotCapable && at !== path) return undefined;
      // A file where a folder belongs: it comes next on the way up.
      const absent = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
      if (!absent || at === "/" || at === ".") throw error;
    }
  }
}

function folderOf(path: string): string {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  return cut > 0 ? path.slice(0, cut) : cut === 0 ? "/" : ".";
}
