/**
 * What every service promises (`lib/runtime/service.ts`), as one test for all of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { within } from "../../lib/runtime/clock.ts";
import type { Service } from "../../lib/runtime/service.ts";
import { PATIENCE_MS } from "./recorder.ts";

const CYCLES = 3;

/**
 * Registers a test that starts and stops the service in every order the contract allows, and in the one it forbids.
 * The leak checks of `Deno.test` see to it that `stop` frees everything.
 * @param make a fresh service; called once per test. `cleanUp` runs at the end, also after a failure
 */
export function testServiceContract(
  name: string,
  make: () => Promise<{ service: Service; cleanUp?: () => Promise<void> }>,
): void {
  Deno.test(`${name} keeps the service contract`, async (t) => {
    const { service, cleanUp } = await make();
    const start = () => within(service.start(), PATIENCE_MS, `${name}.start`);
    const stop = () => within(service.stop(), PATIENCE_MS, `${name}.stop`);
    try {
      await t.step("its name is lower case", () => assert.match(service.name, /^[a-z][a-z0-9_.:-]*$/));
      await t.step("stop before start does nothing", stop);
      await t.step("start works after a stop before start", start);
      await t.step("a second start throws and leaves it running", () => assert.rejects(start()));
      await t.step("stop ends it", stop);
      await t.step("a second stop does nothing", stop);
      await t.step("it starts and stops again and again", async () => {
        for (let cycle = 0; cycle < CYCLES; cycle++) {
          await start();
          await stop();
        }
      });
      await t.step("two stops at once both resolve", async () => {
        await start();
        await Promise.all([stop(), stop()]);
      });
      await t.step("of two stops at once none ends before it is stopped: it can be started again", async () => {
        await start();
        const first = stop();
        await stop();
        await start();
        await first;
        await assert.rejects(start());
        await stop();
      });
      await t.step("of two starts at once one throws, and it runs", async () => {
        const started = await Promise.allSettled([start(), start()]);
        assert.deepEqual(started.map(({ status }) => status), ["fulfilled", "rejected"]);
        await assert.rejects(start());
        await stop();
      });
      await t.step("a stop that comes while it starts ends it, and it can be started again", async () => {
        const starting = start().catch((error: unknown) => error);
        await stop();
        await starting;
        await stop();
        await start();
        await stop();
      });
    } finally {
      await service.stop();
      await cleanUp?.();
    }
  });
}
