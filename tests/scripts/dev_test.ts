import assert from "node:assert/strict";
import { Recorder } from "../support/recorder.ts";
import { goodSettings } from "../cli/support.ts";
import { decode, inFolder, ROOT } from "./support.ts";

const SOURCES = ["lib", "scripts", "sql", "systemd", "templates", "main.ts", "deno.json", "deno.lock"];

Deno.test("deno task dev starts the service again when a source changes, after it has stopped in good order", async () => {
  await inFolder(async (folder) => {
    const copied = await new Deno.Command("cp", { args: ["-R", ...SOURCES.map((name) => ROOT + name), folder] })
      .output();
    assert.equal(copied.code, 0, decode(copied.stderr));
    const settings = { ...goodSettings(folder), SIGNAL_CLI_PATH: "/no/such/signal-cli" };
    const options = { cwd: folder, env: { ...settings, NO_COLOR: "1" }, stdin: "null" } as const;
    const migrated = await new Deno.Command(Deno.execPath(), { ...options, args: ["run", "-P", "main.ts", "migrate"] })
      .output();
    assert.equal(migrated.code, 0, decode(migrated.stderr));

    const lines = new Recorder<string>();
    const child = new Deno.Command(Deno.execPath(), {
      ...options,
      args: ["task", "dev"],
      stdout: "null",
      stderr: "piped",
    })
      .spawn();
    const reading = (async () => {
      for await (const chunk of child.stderr) for (const line of decode(chunk).split("\n")) lines.push(line);
    })();
    const message = (text: string, from = 0) => lines.waitFor((line) => line.includes(text), text, undefined, from);
    try {
      await message("The database is there");
      const source = `${folder}/lib/cli/cli.ts`;
      await Deno.writeTextFile(source, `${await Deno.readTextFile(source)}// changed\n`);
      await message("The service stops");
      await message("The service starts", lines.items.findIndex((line) => line.includes("The service stops")));
    } finally {
      child.kill("SIGINT");
      await child.status;
      await reading;
    }
  });
});
