import assert from "node:assert/strict";
import { LoopService } from "../../lib/runtime/loop.ts";
import { Recorder } from "../support/recorder.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

class Failing extends LoopService {
  readonly name = "failing";
  readonly turns = new Recorder<number>();
  constructor(private readonly ground: { clock: ManualClock; log: RecordingLog; counters: RecordingCounters }) {
    super(ground);
  }
  protected async loop(signal: AbortSignal): Promise<void> {
    this.turns.push(this.turns.items.length);
    if (this.turns.items.length === 1) throw new Error("the private text of a foreign error");
    await this.ground.clock.sleepMs(1_000_000, signal);
  }
}

function make() {
  return { clock: new ManualClock(), log: new RecordingLog(), counters: new RecordingCounters() };
}

testServiceContract("a service that is one loop", () => Promise.resolve({ service: new Failing(make()) }));

Deno.test("a loop that throws is a bug that is counted and told, and it begins again", async () => {
  const ground = make();
  const service = new Failing(ground);
  await service.start();
  await service.turns.waitForCount(1);
  await ground.clock.untilSleeping();
  await ground.clock.advance(1_000);
  await service.turns.waitForCount(2);
  assert.equal(ground.counters.total("bugs_total", { room: "failing" }), 1);
  assert.equal(ground.log.at("critical").length, 1);
  assert.ok(!ground.log.text().includes("private"));
  await service.stop();
});
