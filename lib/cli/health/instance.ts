/**
 * Findings for one of several instances: what to do about them names its unit and its settings, since a command that is
 * copied as it stands would otherwise act on another instance.
 *
 * @module
 */
import { unitOf } from "../doctor/instances.ts";
import { quote } from "../install/script.ts";
import type { Finding } from "./finding.ts";

/** These settings are found without being named. */
const FOUND_BY_ITSELF = "/etc/signal-automation/env";
const PLAIN = /^[A-Za-z0-9_./-]+$/;
/** The unit in a command for systemd. */
const UNIT = /(\bsystemctl [a-z]+(?: --now)? |\bjournalctl -u )signal-(automation|cli)(?![-@.\w])/g;
/** A command of ours, up to its end, to the words behind it, or to a pipe. `install` knows no settings file. */
const OWN = /\bsignal-automation (?!install\b)([a-z]+(?: [a-z]+| \d+)*(?: --[a-z]+)*)(?=$| {2,}| \|)/g;

/** As systemd calls the service: `signal-automation`, or `signal-automation@NAME`. */
export function serviceName(envFile: string | undefined): string {
  return unitOf(envFile).replace(/\.service$/, "");
}

/** @param envFile as `--env-file` named it; undefined when it did not */
export function fixesFor(findings: readonly Finding[], envFile: string | undefined): readonly Finding[] {
  if (envFile === undefined || envFile === "-" || envFile === FOUND_BY_ITSELF) return findings;
  const service = serviceName(envFile);
  const file = PLAIN.test(envFile) ? envFile : quote(envFile);
  return findings.map((finding) => {
    if (finding.fix === undefined) return finding;
    const fix = finding.fix
      .replace(UNIT, (_, command, program) => `${command}${service.replace("automation", program)}`)
      .replace(OWN, (_, command) => `signal-automation ${command} --env-file ${file}`);
    return { ...finding, fix };
  });
}
