import assert from "node:assert/strict";
import { CATALOGUE } from "../../lib/observe/catalogue.ts";
import { Metrics } from "../../lib/observe/metrics.ts";

/** Every metric of the catalogue with a value of each label. */
function all(): string {
  const metrics = new Metrics();
  for (const [name, { kind, labels = {} }] of Object.entries(CATALOGUE)) {
    const values = Object.entries(labels).map(([label, set]) => [label, set === "bounded" ? "any" : set[0]!]);
    const one: Record<string, string> = Object.fromEntries(values);
    if (kind === "counter") metrics.add(name, 3, one);
    else if (kind === "gauge") metrics.set(name, 0.5, one);
    else metrics.observeMs(name, 30, one);
  }
  return metrics.render();
}

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command("promtool", { args: ["--version"], stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
const installed = await isInstalled();

Deno.test({
  name: `promtool finds nothing to say about any metric${installed ? "" : " (skipped: no promtool on this machine)"}`,
  ignore: !installed,
  async fn() {
    const text = all();
    for (const name of Object.keys(CATALOGUE)) assert.match(text, new RegExp(`^signal_automation_${name}[_{ ]`, "m"));
    const child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [{ code, stdout, stderr }] = await Promise.all([
      child.output(),
      new Blob([text]).stream().pipeTo(child.stdin),
    ]);
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assert.deepEqual({ code, said }, { code: 0, said: "" });
  },
});
