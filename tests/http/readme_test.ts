import assert from "node:assert/strict";
import { within } from "../../lib/runtime/clock.ts";
import { Health } from "../../lib/observe/health.ts";
import { Metrics } from "../../lib/observe/metrics.ts";
import { PATIENCE_MS } from "../support/recorder.ts";
import { ManualClock } from "../support/recording.ts";
import { listen, TOKEN } from "./support.ts";

const README = await Deno.readTextFile(new URL("../../lib/http/README.md", import.meta.url));

/** The commands of the `console` blocks with the output that stands under them; `…` is any text, also over lines. */
function examples(): { command: string; output: RegExp }[] {
  const blocks = [...README.matchAll(/```console\n([^]*?)```/g)].map(([, block]) => block!);
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map((example) => {
    const [command = "", ...output] = example.split("\n");
    const text = output.join("\n").trimEnd().split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return { command, output: new RegExp(`^${text.join("[^]*")}\\s*$`) };
  });
}

const noCurl = !(await new Deno.Command("sh", { args: ["-c", "command -v curl"], stdout: "null" }).output()).success;

Deno.test({
  name: `the README's examples do what stands there${noCurl ? " (skipped: no curl on this machine)" : ""}`,
  ignore: noCurl,
  fn: tryExamples,
});

async function tryExamples(): Promise<void> {
  const health = new Health({ clock: new ManualClock(), version: "1.2.3" });
  health.register("database", () => ({ state: "live" }));
  const metrics = new Metrics();
  await using world = await listen({}, { health: () => health.snapshot(), metrics: () => metrics.render() });
  const all = examples();
  assert.ok(all.length >= 7);
  for (const { command, output } of all) {
    const child = new Deno.Command("sh", {
      args: ["-c", command.replaceAll("127.0.0.1:8787", `127.0.0.1:${world.port}`)],
      env: { ADMIN_TOKEN: TOKEN, no_proxy: "127.0.0.1" },
      stdin: "null",
    }).output();
    const { code, stdout, stderr } = await within(child, PATIENCE_MS, command);
    assert.equal(code, 0, `${command}: ${new TextDecoder().decode(stderr)}`);
    assert.match(new TextDecoder().decode(stdout), output, command);
  }
  assert.equal(world.woken.times, 1);
}

Deno.test("the README has every route and every code", async () => {
  const codes = /type ProblemCode =([^;]+);/.exec(
    await Deno.readTextFile(new URL("../../lib/http/problem.ts", import.meta.url)),
  );
  for (const [, code] of codes![1]!.matchAll(/"([a-z_]+)"/g)) assert.ok(README.includes(`\`${code}\``), String(code));
  for (const name of ["state", "wake"]) {
    const source = await Deno.readTextFile(new URL(`../../lib/http/routes/${name}.ts`, import.meta.url));
    for (const [, pattern] of source.matchAll(/pattern: "([^"]+)"/g)) {
      assert.ok(README.includes(` ${pattern}\``), String(pattern));
    }
  }
});
