import assert from "node:assert/strict";
import { generate, replacePermissions } from "../../scripts/generate.ts";
import { CHECKOUT_PERMISSIONS } from "../../lib/config/permissions.ts";

Deno.test("generate() writes the three places, is then content, and notices a change by hand", async () => {
  const root = await Deno.makeTempDir();
  try {
    const before =
      '{\n  "name": "x",\n  "permissions": { "default": { "all": true } },\n  "test": {\n    "a": 1\n  }\n}\n';
    await Deno.writeTextFile(`${root}/deno.json`, before);
    await Deno.writeTextFile(
      `${root}/README.md`,
      "# X\n\n<!-- settings:start -->\nold\n<!-- settings:end -->\n\n<!-- commands:start -->\n<!-- commands:end -->\n\nend\n",
    );
    assert.equal(await generate(root, true), 1);
    assert.equal(await Deno.readTextFile(`${root}/deno.json`), before, "a check changes nothing");
    assert.equal(await generate(root, false), 0);
    assert.equal(await generate(root, true), 0);

    const written = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
    assert.deepEqual(written, {
      name: "x",
      permissions: { default: structuredClone(CHECKOUT_PERMISSIONS) },
      test: { a: 1 },
    });
    const readme = await Deno.readTextFile(`${root}/README.md`);
    assert.match(
      readme,
      /settings:start -->\n\n\| Name[\s\S]*\| `SIGNAL_NUMBER` +\|[\s\S]*<!-- settings:end -->\n\n<!-- commands:start -->[\s\S]*`dlq replay[\s\S]*<!-- commands:end -->\n\nend\n$/,
    );

    await Deno.writeTextFile(`${root}/.env.example`, "# by hand\n", { append: true });
    assert.equal(await generate(root, true), 1);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("replacePermissions() refuses a file without the key", () => {
  assert.throws(() => replacePermissions("{}\n", CHECKOUT_PERMISSIONS), /"permissions" is missing/);
});
