import assert from "node:assert/strict";
import { GENERAL_GRANTS } from "../../lib/config/permissions.ts";
import { compile } from "../../scripts/compile.ts";
import { explain, permissionFlags } from "../../scripts/compile/flags.ts";
import { checkRuntime, TARGETS } from "../../scripts/compile/runtime.ts";
import { decode, inFolder, ROOT, TIMEOUT_MS, useRuntime } from "./support.ts";

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

    // A compiler that fails (here a name that leaves no room for its temporary file's) leaves the program before alone.
    const long = `${root}/dist/${"x".repeat(240)}`;
    await Deno.rename(out, long);
    await assert.rejects(compile({ root, entry: "main.ts", out: long }), /^Error: deno compile ended with/);
    assert.deepEqual(await run(long, []), compiled);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(`${root}/dist`))).length, 1);
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
    const flags = permissionFlags(GENERAL_GRANTS, version);
    for (const { flag, why } of flags) {
      assert.ok(why.length > 0);
      assert.doesNotMatch(flag, /^(?:-A|--allow-all|--allow-(?:env|read|write|run|sys|ffi))$|\*|unix:/);
    }
    assert.match(flags.at(-1)!.why, version === "2.9.6" ? /network/ : /files/);
  }
  const socket = { ...GENERAL_GRANTS, write: { "/run/a,b.sock": "DB_SOCKET: the database's socket" }, net: {} };
  assert.ok(permissionFlags(socket, "2.9.6").some(({ flag }) => flag === "--allow-net=unix:/run/a,,b.sock"));
  const flags = permissionFlags(socket, "2.7.11").map(({ flag }) => flag);
  assert.ok(flags.includes("--allow-write=/run/a,,b.sock"));
  assert.ok(!flags.some((flag) => flag.startsWith("--allow-net")), "nothing granted, no flag");
});

Deno.test("explain() gives a reason for every flag and every name in it", () => {
  const text = explain(permissionFlags(GENERAL_GRANTS, "2.7.11"));
  for (const kind of ["env", "read", "write", "run", "sys"] as const) {
    for (const name of Object.keys(GENERAL_GRANTS[kind])) {
      const lines = text.split("\n").filter((line) => line.startsWith("      ") && / \S/.test(line));
      assert.ok(lines.some((line) => line.trim().split(": ")[0]!.split(" ").includes(name)), name);
    }
  }
});

Deno.test("A runtime for another machine is refused with what to do, before anything is compiled", async () => {
  await inFolder(async (folder) => {
    const header = (machine: number) => Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, ...new Array(14).fill(0), machine, 0);
    await Deno.writeFile(`${folder}/x86`, header(0x3e));
    await Deno.writeFile(`${folder}/arm`, header(0xb7));
    const [x86, arm] = TARGETS as [string, string];
    await checkRuntime(x86, `${folder}/x86`);
    await checkRuntime(arm, `${folder}/arm`);
    await checkRuntime(arm, undefined);
    await assert.rejects(
      checkRuntime(arm, `${folder}/x86`),
      /is for x86_64-unknown-linux-gnu and not for aarch64[^]*DENORT_BIN=\$\(scripts\/denort aarch64-unknown-linux-gnu\) scripts\/deno task compile/,
    );
    await assert.rejects(checkRuntime(x86, `${folder}/none`), /which cannot be read\. Without DENORT_BIN/);
    await assert.rejects(
      checkRuntime("riscv64", undefined),
      /--target riscv64: accepted are x86_64-unknown-linux-gnu and aarch64/,
    );
  });
});
