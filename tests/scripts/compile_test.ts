import assert from "node:assert/strict";
import { compile, permissionFlags } from "../../scripts/compile.ts";
import { GENERAL_PERMISSIONS } from "../../lib/config/permissions.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const TIMEOUT_MS = 300_000;
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The runtime to embed: as given, else from scripts/denort where npm has it, else whatever Deno downloads. */
async function useRuntime(): Promise<void> {
  if (Deno.env.get("DENORT_BIN") !== undefined || Deno.build.target !== "x86_64-unknown-linux-gnu") return;
  const { success, stdout } = await new Deno.Command(`${ROOT}scripts/denort`, { stderr: "inherit" }).output();
  if (success) Deno.env.set("DENORT_BIN", decode(stdout).trim());
}

const ENTRY = `import { show } from "./lib/show.ts";
await show(import.meta.dirname!);
`;
const MODULE = `import { parse } from "yaml";
export async function show(folder: string) {
  const attempt = async (name: string, work: () => unknown) => {
    try { await work(); return name + " allowed"; } catch (error) { return name + " " + (error as Error).name; }
  };
  console.log(JSON.stringify({
    yaml: parse(await Deno.readTextFile(folder + "/templates/one.yaml")).text,
    sql: (await Array.fromAsync(Deno.readDir(folder + "/sql/mysql"))).map((entry) => entry.name),
    unit: await Deno.readTextFile(folder + "/systemd/a.service"),
    attempts: [
      await attempt("own folder", () => Deno.writeTextFile("./state", "x")),
      await attempt("setting", () => Deno.env.get("DB_PASSWORD")),
      await attempt("foreign file", () => Deno.readTextFile("/etc/hostname")),
      await attempt("foreign variable", () => Deno.env.get("AWS_SECRET_ACCESS_KEY")),
      await attempt("shell", () => new Deno.Command("sh", { args: ["-c", "true"] }).output()),
    ],
  }));
}
`;

Deno.test("compile() makes a program that finds its files and may touch only what the list names", async () => {
  await useRuntime();
  const root = await Deno.makeTempDir();
  try {
    for (const folder of ["lib", "templates", "sql/mysql", "systemd", "cwd"]) {
      await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    }
    for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(`${ROOT}${name}`, `${root}/${name}`);
    await Deno.writeTextFile(`${root}/main.ts`, ENTRY);
    await Deno.writeTextFile(`${root}/lib/show.ts`, MODULE);
    await Deno.writeTextFile(`${root}/templates/one.yaml`, "text: un été\n");
    await Deno.writeTextFile(`${root}/sql/mysql/0001_a.sql`, "");
    await Deno.writeTextFile(`${root}/systemd/a.service`, "[Unit]");
    const out = `${root}/dist/program`;
    await compile({ root, entry: "main.ts", out });

    const run = async (command: string, args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args,
        cwd: `${root}/cwd`,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).output();
      assert.equal(code, 0, decode(stderr));
      return JSON.parse(decode(stdout));
    };
    const compiled = await run(out, []);
    assert.deepEqual(compiled, {
      yaml: "un été",
      sql: ["0001_a.sql"],
      unit: "[Unit]",
      attempts: [
        "own folder allowed",
        "setting allowed",
        "foreign file NotCapable",
        "foreign variable NotCapable",
        "shell NotCapable",
      ],
    });
    const interpreted = await run(Deno.execPath(), ["run", "-A", `--config=${root}/deno.json`, `${root}/main.ts`]);
    assert.deepEqual([interpreted.yaml, interpreted.sql, interpreted.unit], [
      compiled.yaml,
      compiled.sql,
      compiled.unit,
    ]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("compile() says which step failed and shows the compiler's words", async () => {
  const root = await Deno.makeTempDir();
  try {
    await assert.rejects(compile({ root, entry: "none.ts", out: `${root}/x` }), /deno bundle ended with 1\n/);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("permissionFlags() names everything, never grants all, and knows how 2.9 counts unix sockets", () => {
  for (const version of ["2.7.11", "2.9.6"]) {
    const flags = permissionFlags(GENERAL_PERMISSIONS, version);
    for (const { flag, why } of flags) {
      assert.ok(why.length > 0);
      assert.doesNotMatch(flag, /^(?:-A|--allow-all|--allow-(?:env|read|write|run|sys|ffi))$|\*|unix:/);
    }
    assert.match(flags.at(-1)!.why, version === "2.9.6" ? /network/ : /files/);
  }
});
