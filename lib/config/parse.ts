/**
 * Turns what was found into the config, or into everything that is wrong with it, in one go.
 *
 * @module
 */
import { type Config, toConfig } from "./config.ts";
import { nearestName } from "./near_names.ts";
import { checkPairs } from "./pairs.ts";
import { describeOrigin, type Problem, type RawValue, showValue, type Warning } from "./problems.ts";
import {
  isSettingName,
  NOT_YET_SUPPORTED,
  type SettingName,
  settingOf,
  SETTINGS,
  type SettingValues,
} from "./schema.ts";

export type ParseResult =
  | { readonly config: Config; readonly warnings: readonly Warning[] }
  | { readonly problems: readonly Problem[]; readonly warnings: readonly Warning[] };

/** Values in the form of the file. */
export type StandIns = Readonly<Partial<Record<SettingName, string>>>;

const NAMES = Object.keys(SETTINGS) as SettingName[];

/**
 * @param found every name that was found, ours or not; a blank value counts as not found
 * @param standIns for who does not use these settings: taken where one is missing or wrong, which is then no problem
 * @returns the frozen config, or all problems at once; warnings either way
 */
export function parseConfig(found: ReadonlyMap<string, RawValue>, standIns: StandIns = {}): ParseResult {
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const stated = new Map([...found].filter(([, raw]) => raw.value.trim() !== ""));
  const slips = findSlips(stated);

  for (const name of NOT_YET_SUPPORTED) {
    const raw = stated.get(name);
    if (raw === undefined) continue;
    problems.push({
      name,
      problem: "not supported by this version",
      accepted: "nothing: remove it",
      origin: describeOrigin(raw.origin),
    });
  }

  const values: Record<string, unknown> = {};
  const wrong = new Set<SettingName>();
  const unused = unusedNames(stated);
  for (const name of NAMES) {
    const raw = unused.has(name) ? undefined : stated.get(name);
    const result = readSetting(name, raw);
    const standIn = standIns[name];
    if (result.problem === undefined) values[name] = result.value;
    else if (standIn !== undefined) values[name] = settingOf(name).type.schema.parse(standIn);
    else {
      wrong.add(name);
      problems.push(result.problem);
    }
  }
  if (unused.has("WEBHOOK_URL")) {
    warnings.push({
      name: "WEBHOOK_URL",
      warning: "still the sample's value; ignored, since WEBHOOK_ENABLED is false",
    });
  }

  const origins = new Map([...stated].map(([name, raw]) => [name, describeOrigin(raw.origin)]));
  const pairs = checkPairs({
    values: values as Partial<SettingValues>,
    isStated: (name) => stated.has(name) && !unused.has(name),
    isWrong: (name) => wrong.has(name),
  });
  problems.push(...pairs.missing.map(missing));
  for (const problem of pairs.problems) problems.push(withOrigin(problem, origins));
  for (const warning of pairs.warnings) warnings.push(withOrigin(warning, origins));

  for (const [name, meant] of slips) {
    warnings.push({ name, warning: `not a setting; did you mean ${meant}?`, origin: origins.get(name)! });
  }
  if (problems.length === 0) return { config: toConfig(values as SettingValues), warnings };
  return { problems: problems.map((problem) => withSlip(problem, slips)), warnings };
}

type Read = { readonly value: unknown; readonly problem?: undefined } | { readonly problem: Problem };

function readSetting(name: SettingName, raw: RawValue | undefined): Read {
  const setting = settingOf(name);
  if (raw === undefined) {
    if (setting.default !== undefined) return { value: setting.type.schema.parse(setting.default) };
    return setting.required === "always" ? { problem: missing(name) } : { value: undefined };
  }
  const text = setting.type.verbatim ? raw.value : raw.value.trim();
  const about = {
    name,
    seen: showValue(setting, text),
    accepted: setting.type.form,
    origin: describeOrigin(raw.origin),
  };
  if (isPlaceholder(name, text)) return { problem: { ...about, problem: "still the sample's value" } };
  const parsed = setting.type.schema.safeParse(text);
  return parsed.success ? { value: parsed.data } : { problem: { ...about, problem: "not accepted" } };
}

function missing(name: SettingName): Problem {
  const setting = settingOf(name);
  const when = setting.required === undefined || setting.required === "always" ? "" : ` (required ${setting.required})`;
  return { name, problem: `missing${when}`, accepted: setting.type.form };
}

function isPlaceholder(name: SettingName, text: string): boolean {
  const { sample, placeholders } = settingOf(name);
  const lower = text.trim().toLowerCase();
  return [sample, ...(placeholders ?? [])].some((placeholder) => placeholder?.toLowerCase() === lower);
}

/** Settings of something that is switched off: whatever they hold, they are not looked at. */
function unusedNames(stated: ReadonlyMap<string, RawValue>): Set<SettingName> {
  const unused = new Set<SettingName>();
  if (stated.get("DB_DRIVER")?.value.trim().toLowerCase() === "sqlite") {
    for (const name of NAMES) if (name.startsWith("DB_") && name !== "DB_DRIVER") unused.add(name);
  }
  // The original's sample had the switch off and a made-up address: such a file keeps working.
  const url = stated.get("WEBHOOK_URL");
  const enabled = SETTINGS.WEBHOOK_ENABLED.type.schema.safeParse(
    stated.get("WEBHOOK_ENABLED")?.value.trim() ?? SETTINGS.WEBHOOK_ENABLED.default,
  );
  if (url !== undefined && enabled.data === false && isPlaceholder("WEBHOOK_URL", url.value)) unused.add("WEBHOOK_URL");
  return unused;
}

/** Names in the file that are probably slips of ours. The environment is never listed, so it holds none. */
function findSlips(stated: ReadonlyMap<string, RawValue>): Map<string, string> {
  const known = [...NAMES, ...NOT_YET_SUPPORTED];
  const slips = new Map<string, string>();
  for (const [name, raw] of stated) {
    if (raw.origin === "environment" || isSettingName(name) || NOT_YET_SUPPORTED.includes(name)) continue;
    const meant = nearestName(name, known);
    if (meant !== undefined) slips.set(name, meant);
  }
  return slips;
}

function withSlip(problem: Problem, slips: ReadonlyMap<string, string>): Problem {
  const slip = [...slips].find(([, meant]) => meant === problem.name)?.[0];
  return slip === undefined || problem.seen !== undefined ? problem : { ...problem, hint: `the file has ${slip}` };
}

function withOrigin<T extends Problem | Warning>(about: T, origins: ReadonlyMap<string, string>): T {
  const origin = origins.get(about.name);
  return origin === undefined ? about : { ...about, origin };
}
