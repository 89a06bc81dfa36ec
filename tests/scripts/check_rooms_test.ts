import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { checkFile, checkRooms } from "../../scripts/check_rooms.ts";

function texts(file: string, source: string): string[] {
  return checkFile(file, source).map(({ line, text }) => `${line}: ${text}`);
}

Deno.test("checkRooms() reads a tree and names file, line and reason of each forbidden arrow and folder", async () => {
  const root = await Deno.makeTempDir();
  try {
    const files = {
      "lib/domain/money.ts": "export const one = 1;\n",
      "lib/store/port.ts": 'import type { X } from "../domain/money.ts";\nexport type { X };\n',
      "lib/outbox/dispatcher.ts": [
        "// import nothing from '../channels/signal/child.ts'",
        'import { Port } from "../store/port.ts";',
        "import {",
        "  type Child,",
        '} from "../channels/signal/child.ts";',
        'const later = await import("../http/router.ts");',
      ].join("\n"),
      "lib/cli/main.ts": 'import "../simulator/world.ts";\nimport "../config/load.ts";\n',
      "dist/x/y": "",
      "utils/x.ts": "",
    };
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    }
    const findings = await checkRooms(root);
    const allowed = "it may import domain, runtime, store/port.ts, channels/channel.ts";
    assert.deepEqual(findings.map(({ file, line, text }) => `${file}:${line}: ${text}`), [
      `lib/outbox/dispatcher.ts:5: lib/outbox may not import lib/channels/signal/child.ts (${allowed})`,
      `lib/outbox/dispatcher.ts:6: lib/outbox may not import lib/http/router.ts (${allowed})`,
      "utils:1: no such folder is planned at the top level (design §3)",
    ]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the simulator knows nobody, and only the command line knows the simulator and the settings", () => {
  assert.match(texts("lib/simulator/a.ts", 'import "../domain/money.ts";').join(), /nothing but itself/);
  assert.match(texts("lib/app.ts", 'import "./simulator/world.ts";').join(), /only cli, demo may import/);
  assert.match(
    texts("lib/outbox/a.ts", 'import "../config/config.ts";').join(),
    /only cli, demo, app, app.ts, mod.ts may import/,
  );
  assert.deepEqual(texts("lib/app.ts", 'import "./config/load.ts";\nimport "./store/mysql/pool.ts";'), []);
});

Deno.test("a library stays in its room, a room stays in lib, an unknown room is named", () => {
  assert.match(texts("lib/http/a.ts", 'import { createPool } from "mysql2/promise";').join(), /lib\/store only/);
  assert.match(texts("lib/http/a.ts", 'import "../../scripts/compile.ts";').join(), /leaves lib/);
  assert.match(texts("lib/misc/a.ts", "").join(), /no room of the design/);
});

Deno.test("clocks, timers, console and SQL are found in code and strings only, and not in comments", () => {
  const source = [
    "/** Date.now and console.log and setTimeout */",
    "const a = Date.now(); // SELECT a FROM b",
    'const b = "setTimeout(1)", c = /console.log("x")/, d = 4 / 2;',
    "const e = `${performance.now()} and setInterval`;",
    "const f = `SELECT a",
    "  FROM b`;",
    "console.error(f);",
    'const please = "SELECT one of these";',
  ].join("\n");
  assert.deepEqual(texts("lib/outbox/a.ts", source).map((text) => text.split(":").slice(0, 2).join(":")), [
    "2: Date.now",
    "4: performance.now",
    "7: console.error",
    "5: SELECT a FROM",
  ]);
  assert.deepEqual(texts("lib/runtime/clock.ts", "Date.now(); setTimeout(f, 1);"), []);
  assert.deepEqual(texts("lib/store/a.ts", 'const sql = "DELETE FROM leases";'), []);
  assert.deepEqual(texts("lib/cli/a.ts", "console.log(1);"), []);
});

Deno.test("the demo plays the shop, and the command line reads the version", () => {
  const shop = 'import { DatabaseSync } from "node:sqlite";\nconst sql = "INSERT INTO orders VALUES (1)";';
  assert.deepEqual(texts("lib/cli/demo/shop.ts", shop), []);
  assert.equal(texts("lib/cli/shop.ts", shop).length, 2);
  assert.deepEqual(texts("lib/cli/version.ts", 'import deno from "../../deno.json" with { type: "json" };'), []);
  assert.equal(texts("lib/observe/version.ts", 'import deno from "../../deno.json" with { type: "json" };').length, 1);
});

Deno.test("a ban is lifted for one line by a comment that names it", () => {
  const source =
    "// gate-allow: sql, shown to people, never run\nconst a = 'INSERT INTO orders';\nconst b = 'INSERT INTO orders';";
  assert.deepEqual(texts("lib/cli/a.ts", source).map((text) => text.slice(0, 2)), ["3:"]);
});
