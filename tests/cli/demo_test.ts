import assert from "node:assert/strict";
import { join } from "node:path";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { PATIENCE_MS, Recorder } from "../support/recorder.ts";
import { cli, inFolder } from "./support.ts";

/** It takes about ten seconds, most of which is the wait for a second try; this only ends a hang. */
const DEMO_MS = 120_000;
// deno-lint-ignore no-control-regex
const ANSI = /\u001b/;

Deno.test("demo tells what each person received, checks it, ends with 0, and leaves nothing behind", async () => {
  await inFolder(async (above) => {
    const { exit, out, err } = await cli(["demo", "--folder", join(above, "demo")]);
    assert.deepEqual([exit, err], [0, ""], out);
    assert.doesNotMatch(out, ANSI);
    for (const line of out.split("\n")) {
      if (!line.includes(above)) assert.ok(widthOf(line) <= 80, line);
    }
    const expected = [
      /Alex\n.*SYSTEM ALERT: Signal Automation System started successfully/,
      /Owners' group {2}after .*\n.*New order alert!/,
      /Marc: refused \(unregistered\)\. Next try in [1-6] s/,
      /Léa writes “Go!”\n.*Léa {2}after .*\n.*Inscription confirmée/,
      /New affiliate alert!/,
      /Client: Zoë \{O'Neil\}[\s\S]*Léa[\s\S]*Nouvelle commande/,
      /Ka-ching, order from Ada Lindqvist!/,
      /Marc {2}after .*\n.*Nouvelle commande/,
      /Camille \(owner\): 5 in the owners' group/,
      /Léa \(affiliate\): 2 directly/,
      /Marc \(affiliate\): 1 directly/,
      /✓ 10 of 10 messages delivered, each exactly once/,
      /✓ 4 of 4 orders marked as notified/,
      /✓ 1 refused at first, delivered by a later try/,
      /✓ 0 waiting, 0 given up/,
      /Done in \d/,
    ];
    for (const one of expected) assert.match(out, one);
    assert.doesNotMatch(out, /✗/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(above)), []);
  });
});

Deno.test("demo --keep shows an order that was inserted by hand, and ends with 0 at Ctrl-C", async () => {
  await inFolder(async (above) => {
    const folder = join(above, "kept");
    const written = new Recorder<string>();
    const listeners = new Map<string, () => void>();
    const demo = cli(["demo", "--keep", "--folder", folder], {
      onOut: (text) => written.push(text),
      onSignal: (name, listener) => {
        listeners.set(name, listener);
        return () => listeners.delete(name);
      },
    });
    await written.waitFor((text) => text.includes("demo order --client"), "the invitation", DEMO_MS);
    const order = await cli(["demo", "order", "--client", "By Hand", "--total", "3.20", "--folder", folder, "--json"]);
    assert.deepEqual([order.exit, JSON.parse(order.out)], [0, { id: 5 }]);
    await written.waitFor((text) => text.includes("By Hand"), "the delivery", PATIENCE_MS);
    listeners.get("SIGINT")!();
    const { exit, out } = await demo;
    assert.equal(exit, 0, out);
    assert.match(out, /✓ 11 of 11 messages delivered[\s\S]*✓ 5 of 5 orders/);
    assert.ok((await Deno.stat(join(folder, "shop.db"))).isFile);
  });
});

Deno.test("demo refuses a folder that exists, and one that it cannot make", async () => {
  await inFolder(async (above) => {
    const exists = await cli(["demo", "--folder", above]);
    assert.equal(exists.exit, 2);
    assert.match(exists.err, /exists already/);
    const nowhere = await cli(["demo", "--folder", join(above, "a", "b")]);
    assert.equal(nowhere.exit, 2);
    assert.match(nowhere.err, /the folder above it does not exist/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(above)), []);
  });
});

Deno.test("demo order without a demo says how to start one, and refuses what is no order", async () => {
  await inFolder(async (above) => {
    const absent = await cli(["demo", "order", "--folder", join(above, "none")]);
    assert.equal(absent.exit, 3);
    assert.match(absent.err, /signal-automation demo --keep/);
    assert.equal((await cli(["demo", "order", "--total", "much"])).exit, 2);
    assert.equal((await cli(["demo", "order", "--token", "x".repeat(13)])).exit, 2);
  });
});
