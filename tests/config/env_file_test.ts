import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { parseEnvFile } from "../../lib/config/env_file.ts";
import { DOTENV_CASES } from "./dotenv_cases.ts";

const processEnv = (name: string) => name === "FROM_PROCESS" ? "process" : undefined;

for (const [text, expected] of DOTENV_CASES) {
  Deno.test(`parseEnvFile() reads ${JSON.stringify(text)} as python-dotenv does`, () => {
    const { entries } = parseEnvFile(text, processEnv);
    const seen = Object.fromEntries([...entries].map(([name, entry]) => [name, entry.value ?? null]));
    assert.deepEqual(seen, expected);
  });
}

Deno.test("parseEnvFile() skips a byte order mark", () => {
  assert.equal(parseEnvFile("\uFEFFA=b").entries.get("A")?.value, "b");
});

Deno.test("parseEnvFile() names line and column of what it cannot read, goes on behind it, and quotes nothing", () => {
  const { entries, problems } = parseEnvFile('A=1\n  =hunter2\nB="x" hunter2\nC=\'hunter2\nD=4\nE F\n');
  assert.deepEqual(problems, [
    { line: 2, column: 3, problem: "a name is missing here" },
    { line: 3, column: 7, problem: "text after the closing quote" },
    { line: 4, column: 3, problem: "the quote ' is never closed" },
    { line: 6, column: 3, problem: "= is missing here" },
  ]);
  assert.deepEqual([...entries.keys()], ["A", "D"]);
  assert.ok(!JSON.stringify(problems).includes("hunter2"));
});

Deno.test("parseEnvFile() gives the line where a value begins, behind values of several lines too", () => {
  const { entries } = parseEnvFile('A="1\n2\n3"\n\n# c\nexport B=2\r\nC=3');
  assert.deepEqual([...entries].map(([name, { line }]) => [name, line]), [["A", 1], ["B", 6], ["C", 7]]);
});

Deno.test("parseEnvFile() reports references that stand for nothing", () => {
  const { entries } = parseEnvFile("A=x${NONE}y\nB=${A}${NONE:-d}");
  assert.deepEqual(entries.get("A"), { value: "xy", line: 1, unresolved: ["NONE"] });
  assert.deepEqual(entries.get("B"), { value: "xyd", line: 2, unresolved: [] });
});

Deno.test("parseEnvFile() ends for any text and reads back what a careful writer quoted", () => {
  const noise = fc.string({
    unit: fc.constantFrom("A", "=", "'", '"', "\\", "#", " ", "\n", "\r", "$", "{", "}", "n"),
  });
  fc.assert(fc.property(noise, (text) => {
    parseEnvFile(text);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    fc.pre(!value.includes("${"));
    const quoted = `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
    assert.equal(parseEnvFile(`A=${quoted}\nB=2`).entries.get("A")?.value, value);
  }));
});
