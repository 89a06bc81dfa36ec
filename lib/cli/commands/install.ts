/** `install` @module */
import { join } from "node:path";
import { type CliContext, type CommandSpec, type Invocation, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { renderInstalledEnv } from "../install/env_file.ts";
import { type Layout, layoutOf, PROGRAM_PATH, SERVICE_USER } from "../install/layout.ts";
import { printScript, quote, renderScript } from "../install/script.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { healthCommand } from "./health.ts";

/** Minutes between two looks of `health` from cron. */
const HEALTH_EVERY_MINUTES = 5;
/** What the script may hold as it stands: nothing that a shell, sed or systemd would read in another way. */
const PLAIN_FOLDER = /^\/[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

export const installCommand: CommandSpec = {
  path: ["install"],
  summary: "Print the script that installs this program as a service",
  details:
    "Read it, then let root run it. It makes the user, the folders, a settings file that only the service reads, " +
    "with new secrets in it, the units and the cron line of `health`. It may run again at any time, keeps what is " +
    "there, and starts nothing that `check` refuses. This command itself changes nothing.",
  options: [
    {
      flags: "--from <folder>",
      description: "take over the original system that is installed there, its Signal account with it",
    },
    { flags: "--name <name>", description: "one of several instances, with its own settings, folders and port" },
    { flags: "--signal-cli-unit", description: "signal-cli as a unit of its own instead of a child of the service" },
    JSON_OUTPUT,
  ],
  examples: [
    { line: "signal-automation install | less", meaning: "read it first" },
    { line: "signal-automation install | sudo sh", meaning: "a new installation, or this program over an older one" },
    { line: "signal-automation install --from /opt/signal-automation | sudo sh", meaning: "from the original system" },
    { line: "signal-automation install --name prod | sudo sh", meaning: "the instance signal-automation@prod" },
  ],
  async run(invocation, context) {
    const layout = layoutOf(invocation.text("name"));
    const from = folderOf(invocation);
    const script = await installScript(layout, from, invocation.flag("signal-cli-unit"), context);
    if (invocation.flag("json")) printJson(context.terminal, { ...layout, from: from ?? null, script });
    else printScript(script, context.terminal);
    return EXIT.done;
  },
};

async function installScript(
  layout: Layout,
  from: string | undefined,
  withCliUnit: boolean,
  { assetsDir, version }: CliContext,
): Promise<string> {
  const unitFile = (name: string) => Deno.readTextFile(join(assetsDir, "systemd", name));
  const options = [
    ...(from === undefined ? [] : ["--from", from]),
    ...(layout.instance === "" ? [] : ["--name", layout.instance]),
    ...(withCliUnit ? ["--signal-cli-unit"] : []),
  ];
  return await renderScript(assetsDir, {
    about: [
      `Installs signal-automation ${version}. Printed by: ${["signal-automation install", ...options].join(" ")}`,
      "Read it, then run it as root. It may run again: what is there is kept.",
    ],
    values: {
      PROGRAM: PROGRAM_PATH,
      SOURCE: await ownProgram(assetsDir),
      SERVICE_USER,
      ...layoutValues(layout),
      WITH_CLI_UNIT: withCliUnit ? "yes" : "no",
      FROM: from ?? "",
      INSTALL_OPTIONS: options.map((word) => ` ${word}`).join(""),
    },
    files: {
      file_unit: await unitFile("signal-automation.service"),
      file_template_unit: await unitFile("signal-automation@.service"),
      file_cli_unit: await unitFile("signal-cli.service"),
      file_cli_template_unit: await unitFile("signal-cli@.service"),
      file_own_cli: ownCliDropIn(layout, await unitFile("own-signal-cli.conf")),
      file_network: await unitFile("network.conf"),
      file_restart_steps: await unitFile("restart-steps.conf"),
      file_env: renderInstalledEnv(layout),
      file_templates: await Deno.readTextFile(join(assetsDir, "templates", "templates.yaml")),
      file_cron: cronFile(layout),
    },
    parts: ["common", ...(from === undefined ? [] : ["take_over"]), "install"],
  });
}

/** The values that every script of this room needs. */
export function layoutValues(layout: Layout): Record<string, string> {
  return {
    INSTANCE: layout.instance,
    UNIT: layout.unit,
    CLI_UNIT: layout.cliUnit,
    ETC: layout.etc,
    STATE: layout.state,
    RUN: layout.run,
    LOGS: layout.logs,
    CRON_FILE: layout.cronFile,
  };
}

/** What the drop-in cannot say for every instance: which unit, and where its socket and data are. */
function ownCliDropIn(layout: Layout, text: string): string {
  return `${text}
Environment=SIGNAL_TRANSPORT=socket SIGNAL_SOCKET=${layout.run}/signal-cli/socket
InaccessiblePaths=-${layout.state}/signal-cli

[Unit]
Wants=${layout.cliUnit}
After=${layout.cliUnit}
`;
}

function cronFile(layout: Layout): string {
  const alert = healthCommand.options?.some(({ flags }) => flags.startsWith("--alert")) ? " --alert" : "";
  return `# Asks signal-automation how it is, as its own user; cron mails what stands on standard error.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/${HEALTH_EVERY_MINUTES} * * * * ${SERVICE_USER} ${PROGRAM_PATH} health${alert} --env-file ${layout.etc}/env >/dev/null
`;
}

/** The compiled program's own path; from source the one that `deno task compile` makes. */
async function ownProgram(assetsDir: string): Promise<string> {
  if (Deno.build.standalone) return Deno.execPath();
  const compiled = join(assetsDir, "dist", "signal-automation");
  try {
    return (await Deno.stat(compiled)).isFile ? compiled : PROGRAM_PATH;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return PROGRAM_PATH;
    throw error;
  }
}

function folderOf(invocation: Invocation): string | undefined {
  const given = invocation.text("from");
  if (given === undefined) return undefined;
  const folder = given.replace(/(?<=.)\/+$/, "");
  if (PLAIN_FOLDER.test(folder) && !folder.split("/").includes("..")) return folder;
  throw new CliProblem(EXIT.usage, `--from ${quote(given)} cannot be taken`, {
    details: ["accepted: the full path of a folder, of letters, digits, dot, - and _"],
    next: "signal-automation install --from /opt/signal-automation",
  });
}
