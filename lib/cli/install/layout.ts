/**
 * Where an installation lies: one place for each instance, so that two never share a file.
 *
 * @module
 */
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";

export interface Layout {
  /** Empty: the one without a name. */
  readonly instance: string;
  readonly unit: string;
  /** signal-cli's, when it is a unit of its own. */
  readonly cliUnit: string;
  /** Settings and templates. */
  readonly etc: string;
  readonly state: string;
  readonly run: string;
  readonly logs: string;
  readonly cronFile: string;
}

/** The program's place. */
export const PROGRAM_PATH = "/usr/local/bin/signal-automation";
export const SERVICE_USER = "signal-automation";

const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;
/** What the instance without a name has in its folders, in which those of the others lie. */
const TAKEN: readonly string[] = ["env", "signal-cli", "spool"];

/** @throws {CliProblem} `usage`, for a name that cannot be one */
export function layoutOf(name: string | undefined): Layout {
  if (name !== undefined && (!NAME.test(name) || TAKEN.includes(name))) {
    throw new CliProblem(EXIT.usage, `--name ${JSON.stringify(name)} cannot be the name of an instance`, {
      details: [`accepted: a to z, 0 to 9, - and _, at most 32; not ${TAKEN.join(", ")}`],
    });
  }
  const below = name === undefined ? "" : `/${name}`;
  return {
    instance: name ?? "",
    unit: name === undefined ? "signal-automation.service" : `signal-automation@${name}.service`,
    cliUnit: name === undefined ? "signal-cli.service" : `signal-cli@${name}.service`,
    etc: `/etc/signal-automation${below}`,
    state: `/var/lib/signal-automation${below}`,
    run: `/run/signal-automation${below}`,
    logs: `/var/log/signal-automation${below}`,
    // No dot in it: cron skips such files.
    cronFile: `/etc/cron.d/signal-automation${name === undefined ? "" : `-${name}`}`,
  };
}
