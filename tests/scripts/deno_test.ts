import assert from "node:assert/strict";
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "..", "..");

Deno.test("scripts/deno runs a program with baked permissions in an environment that has nothing, not even a PATH", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "main.ts"), "console.log('runs');");
    const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
      args: [join(ROOT, "scripts", "deno"), "run", "--allow-run=not-there", join(folder, "main.ts")],
      clearEnv: true,
      env: { SIGNAL_AUTOMATION_DENO: Deno.execPath(), DENO_DIR: join(folder, "cache") },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), "runs\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the README's line for cron prints what health prints and no more, since cron mails every word", async () => {
  const readme = await Deno.readTextFile(join(ROOT, "README.md"));
  const command = /^\*\/5 .* && (\.\/scripts\/deno task .*health) >\/dev\/null/m.exec(readme)?.[1];
  assert.ok(command !== undefined, "the line is there");
  const { stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd: ROOT,
    clearEnv: true,
    env: {
      SIGNAL_AUTOMATION_DENO: Deno.execPath(),
      DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
      HOME: Deno.env.get("HOME") ?? "",
    },
    stdout: "null",
  }).output();
  assert.match(new TextDecoder().decode(stderr), /^(error: |$)/);
});
