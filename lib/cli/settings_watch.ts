/**
 * Which settings differ from those that the running service was started with. It never applies them: settings are parsed
 * once (style, habit 11), so what changed needs a restart, and that has to be said.
 *
 * @module
 */
import { findSettings } from "../config/load.ts";
import type { RawValue } from "../config/problems.ts";
import type { CliContext, Invocation } from "./command.ts";

type Values = ReadonlyMap<string, RawValue>;

export class SettingsWatch {
  /** Names of settings that changed, sorted, as the last {@link look} found them. Never their values. */
  changed: readonly string[] = [];

  private constructor(private readonly atStart: Values, private readonly find: () => Promise<Values>) {}

  /** @returns undefined when the settings came from standard input: that cannot be read again */
  static async open(invocation: Invocation, { getEnv }: CliContext): Promise<SettingsWatch | undefined> {
    const envFile = invocation.text("env-file");
    if (envFile === "-") return undefined;
    const find = async () => (await findSettings({ getEnv, ...(envFile !== undefined && { envFile }) })).values;
    return new SettingsWatch(await find(), find);
  }

  /** Reads the settings again. @throws {ConfigError} when the file cannot be read: then `changed` stays as it was */
  async look(): Promise<readonly string[]> {
    const now = await this.find();
    const names = new Set([...this.atStart.keys(), ...now.keys()]);
    this.changed = [...names].filter((name) => this.atStart.get(name)?.value !== now.get(name)?.value).sort();
    return this.changed;
  }
}
