import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { ROOT } from "./support.ts";

Deno.test("every library of deno.json is used, and the README names it: one that is not is only downloaded", async () => {
  const { imports } = JSON.parse(await readFile(`${ROOT}deno.json`, "utf8")) as { imports: Record<string, string> };
  const readme = (await readFile(`${ROOT}README.md`, "utf8")).split("## For developers")[1]!.toLowerCase();
  const sources = await Promise.all(["lib", "tests"].map(async (folder) => {
    const files = (await readdir(`${ROOT}${folder}`, { recursive: true })).filter((name) => name.endsWith(".ts"));
    return Promise.all(files.map((name) => readFile(`${ROOT}${folder}/${name}`, "utf8")));
  }));
  const text = sources.flat().join("\n");
  for (const name of Object.keys(imports)) {
    assert.match(text, new RegExp(`^(?:import|export|\\}) .*from "${name}(?:/[^"]*)?";$`, "m"), `${name} is not used`);
    const word = name.replace(/^@[^/]*\//, "").replace(/\/.*/, "");
    assert.ok(readme.includes(word), `the README does not name ${name}`);
  }
});
