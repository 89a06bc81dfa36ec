/**
 * Renders `.env.example` and the settings table of the README from the table of settings. `scripts/generate.ts`
 * writes them, the gate compares them.
 *
 * @module
 */
import { GROUPS, type Setting, type SettingName, settingOf } from "./schema.ts";

const HEAD = `# Settings of signal-automation. Copy to /etc/signal-automation/env (chmod 600), or to ./.env.
# A variable of the environment comes before the file. Empty means not set. Read once, at start.
# The values of the required settings are placeholders: the service refuses to start with them.
# Generated from lib/config/schema.ts by \`deno task generate\`.
`;

/** Names with what the table says of them. */
function shown(names: readonly SettingName[]): readonly (readonly [SettingName, Setting])[] {
  return names.map((name) => [name, settingOf(name)] as const);
}

/** The whole of `.env.example`: required settings stand as placeholders, the others commented out with their defaults. */
export function renderEnvExample(): string {
  const parts = [HEAD];
  for (const { title, names } of GROUPS) {
    const settings = shown(names);
    if (settings.length === 0) continue;
    parts.push(`\n# ---- ${title}\n`);
    for (const [name, setting] of settings) parts.push(renderSetting(name, setting));
  }
  return parts.join("");
}

function renderSetting(name: SettingName, setting: Setting): string {
  const plain = (text: string) => text.replaceAll("`", "");
  const notes = [
    plain(setting.description),
    `Form: ${setting.type.form}.`,
    setting.defaultNote === undefined ? "" : `Without it: ${plain(setting.defaultNote)}.`,
    setting.required === undefined ? "" : `Required${setting.required === "always" ? "" : ` ${setting.required}`}.`,
  ].filter((note) => note !== "");
  const stands = setting.required === "always" || name === "DB_PASSWORD";
  return `\n${wrap(notes.join(" "))}\n${stands ? "" : "#"}${name}=${setting.sample ?? setting.default ?? ""}\n`;
}

/** Longest line of a comment. */
const LINE_WIDTH = 110;

function wrap(text: string): string {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** The table for the README: Markdown, a heading row per group, in the alignment that `deno fmt` gives it. */
export function renderSettingsTable(): string {
  const rows = [["Name", "Default", "Accepted", "What it is"]];
  for (const { title, names } of GROUPS) {
    const settings = shown(names);
    if (settings.length === 0) continue;
    rows.push([`**${title}**`, "", "", ""]);
    for (const [name, setting] of settings) {
      rows.push([`\`${name}\``, defaultCell(setting), cell(setting.type.form), cell(setting.description)]);
    }
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column]!, fill)).join(" | ")} |\n`;
  const [head, ...body] = rows.map((row) => line(row, " "));
  return [head, line(["", "", "", ""], "-"), ...body].join("");
}

function defaultCell(setting: Setting): string {
  if (setting.required !== undefined) {
    return setting.required === "always" ? "**required**" : cell(`required ${setting.required}`);
  }
  if (setting.default !== undefined) return `\`${setting.default}\``;
  return cell(setting.defaultNote ?? "none");
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
