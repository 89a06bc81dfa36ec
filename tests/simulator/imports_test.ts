import assert from "node:assert/strict";

const ROOM = new URL("../../lib/simulator/", import.meta.url);

async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) yield* sources(url);
    else if (name.endsWith(".ts")) yield url;
  }
}

Deno.test("the simulator imports nothing but itself", async () => {
  let seen = 0;
  for await (const file of sources(ROOM)) {
    for (const [, from] of (await Deno.readTextFile(file)).matchAll(/(?:from|import\()\s*"([^"]+)"/g)) {
      assert.ok(
        /^\.{1,2}\//.test(from!) && new URL(from!, file).href.startsWith(ROOM.href),
        `${file.pathname}: ${from}`,
      );
      seen++;
    }
  }
  assert.ok(seen > 20);
});
