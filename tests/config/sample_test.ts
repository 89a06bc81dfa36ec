import assert from "node:assert/strict";
import { parseEnvFile } from "../../lib/config/env_file.ts";
import { editDistance, nearestName } from "../../lib/config/near_names.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { GENERAL_PERMISSIONS } from "../../lib/config/permissions.ts";
import type { RawValue } from "../../lib/config/problems.ts";
import { renderEnvExample, renderSettingsTable } from "../../lib/config/sample.ts";
import { GROUPS, isSettingName, settingOf, SETTINGS } from "../../lib/config/schema.ts";

function values(text: string): Map<string, RawValue> {
  const { entries, problems } = parseEnvFile(text);
  assert.deepEqual(problems, []);
  return new Map(
    [...entries].map(([name, { value, line }]) => [name, { value: value ?? "", origin: { file: "sample", line } }]),
  );
}

Deno.test("the sample file is readable, and refused because of its placeholders and nothing else", () => {
  const result = parseConfig(values(renderEnvExample()));
  assert.ok("problems" in result);
  assert.deepEqual(result.problems.map(({ name, problem }) => [name, problem]), [
    ["SIGNAL_NUMBER", "still the sample's value"],
    ["SIGNAL_GROUP_ID", "still the sample's value"],
    ["AFFILIATE_LINK", "still the sample's value"],
    ["ADMIN_PHONE_NUMBER", "still the sample's value"],
    ["DB_PASSWORD", "still the sample's value"],
  ]);
  assert.deepEqual(result.warnings, []);
});

Deno.test("what the sample shows commented out are the defaults: with all of them in force nothing changes", () => {
  const names = /^#([A-Z_]+)=(.*)$/gm;
  for (const [, name = "", value = ""] of renderEnvExample().matchAll(names)) {
    assert.ok(isSettingName(name), name);
    const setting = settingOf(name);
    assert.equal(value, setting.sample ?? setting.default ?? "", name);
  }
});

Deno.test("sample and table show every setting", () => {
  const [sample, table] = [renderEnvExample(), renderSettingsTable()];
  for (const name of GROUPS.flatMap(({ names }) => names)) {
    assert.ok(new RegExp(`^#?${name}=`, "m").test(sample), name);
    assert.ok(table.includes(`| \`${name}\` `), name);
  }
});

Deno.test("every row of the table has the same number of cells", () => {
  for (const row of renderSettingsTable().trimEnd().split("\n")) {
    assert.equal(row.replaceAll("\\|", "").split("|").length, 6, row);
  }
});

Deno.test("the table is as `deno fmt` leaves it", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    stdin: "piped",
    stdout: "piped",
  });
  await using child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(renderSettingsTable()));
  await writer.close();
  const { stdout } = await child.output();
  assert.equal(new TextDecoder().decode(stdout), renderSettingsTable());
});

Deno.test("the program may read every setting by name, and no name is a pattern", () => {
  for (const name of Object.keys(SETTINGS)) assert.ok(GENERAL_PERMISSIONS.env.includes(name), name);
  for (const name of GENERAL_PERMISSIONS.env) assert.match(name, /^[A-Z][A-Z0-9_]*$/);
  assert.equal(new Set(GENERAL_PERMISSIONS.env).size, GENERAL_PERMISSIONS.env.length);
});

Deno.test("editDistance() counts insertions, deletions, replacements and swaps as one", () => {
  const pairs = [["", "", 0], ["AB", "AB", 0], ["AB", "BA", 1], ["ABC", "AC", 1], ["AC", "ABC", 1], ["ABC", "AXC", 1], [
    "KITTEN",
    "SITTING",
    3,
  ]] as const;
  for (const [a, b, edits] of pairs) assert.equal(editDistance(a, b), edits, `${a} ${b}`);
});

Deno.test("nearestName() finds slips and lower case, and leaves other words and foreign names alone", () => {
  const known = Object.keys(SETTINGS);
  assert.equal(nearestName("signal_number", known), "SIGNAL_NUMBER");
  assert.equal(nearestName("DB-HOST", known), "DB_HOST");
  assert.equal(nearestName("SIGNAL_NUMER", known), "SIGNAL_NUMBER");
  for (const name of ["PATH", "HOME", "TZ", "JAVA_HOME", "SIGNAL_CLI_OPTS", "PORT", "NODE_ENV", "DB"]) {
    assert.equal(nearestName(name, known), undefined, name);
  }
});
