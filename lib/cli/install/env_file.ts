/**
 * The settings that `install` writes where there are none: the sample, with an instance's own folders, and with marks
 * in place of what the script makes up on the machine (so no secret passes through a pipe).
 *
 * @module
 */
import { renderEnvExample } from "../../config/sample.ts";
import type { Layout } from "./layout.ts";

/** Replaced by the script: a new secret each, and the first free port. */
const MADE_THERE: Readonly<Record<string, string>> = {
  DB_PASSWORD: "@DB_PASSWORD@",
  ADMIN_TOKEN: "@ADMIN_TOKEN@",
  HTTP_PORT: "@HTTP_PORT@",
};

/** @throws {Error} when the sample has no line for a setting that is to be set: a bug */
export function renderInstalledEnv(layout: Layout): string {
  const values: Readonly<Record<string, string>> = {
    ...MADE_THERE,
    TEMPLATES_FILE: `${layout.etc}/templates.yaml`,
    SIGNAL_CLI_DATA_DIR: `${layout.state}/signal-cli`,
    // The unit says the same; commands by hand and from cron run outside of it.
    STATE_DIR: layout.state,
    RUNTIME_DIR: layout.run,
    LOG_DIR: layout.logs,
  };
  let text = renderEnvExample();
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^#?${name}=.*$`, "m");
    if (!line.test(text)) throw new Error(`the sample has no line for ${name}`);
    text = text.replace(line, () => `${name}=${value}`);
  }
  return text;
}
