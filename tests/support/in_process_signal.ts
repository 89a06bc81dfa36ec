/**
 * The simulated Signal in the test's own process, behind the seam where the real program would be started. Each device of
 * the account is a `signal-cli` with a data folder of its own: two hosts are two devices.
 *
 * @module
 */
import type { SignalCliProcess, SpawnSignalCli } from "../../lib/channels/signal/process.ts";
import { simulatedSpawn } from "../../lib/cli/demo/simulated_spawn.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import type { FaultRule } from "../../lib/simulator/faults.ts";
import { MemoryWorld } from "../../lib/simulator/memory_world.ts";
import { REAL_TIME, type WorldTime } from "../../lib/simulator/time.ts";
import type { SentRecord } from "../../lib/simulator/world.ts";
import { Recorder } from "./recorder.ts";

export class InProcessSignal {
  /** Everything that all devices sent, in the order in which the service accepted it. */
  readonly sent = new Recorder<SentRecord>();
  readonly devices: Device[] = [];

  /** @param description what `world.json` would hold, the same for every device */
  constructor(
    private readonly description: Readonly<Record<string, unknown>>,
    private readonly time: WorldTime = REAL_TIME,
  ) {}

  /** Another linked device of the account. */
  addDevice(): Device {
    const device = new Device(new MemoryWorld(this.description, this.time));
    device.world.onSent((record) => this.sent.push(record));
    this.devices.push(device);
    return device;
  }

  /** What arrived, as texts, in order. @param to number, service id or group id; default: everybody */
  bodies(to?: string): readonly string[] {
    return this.sent.items.filter((record) => to === undefined || isFor(record, to)).map(({ body }) => body);
  }
}

/** One data folder, and at most one process that works on it. */
export class Device {
  readonly #running = new Set<SignalCliProcess>();

  constructor(readonly world: MemoryWorld) {}

  readonly spawn: SpawnSignalCli = (args) => {
    const child = simulatedSpawn(this.world)(args);
    this.#running.add(child);
    void child.status.then(() => this.#running.delete(child));
    return child;
  };

  script(...rules: readonly FaultRule[]): void {
    this.world.script(rules);
  }

  /** Ends its process; what was not answered never is. */
  async kill(): Promise<void> {
    const running = [...this.#running];
    for (const child of running) child.kill("SIGKILL");
    await Promise.all(running.map((child) => child.status));
  }
}

/** Signal stamps and delays by this clock. */
export function timeOf(clock: Pick<Clock, "nowMs" | "sleepMs">): WorldTime {
  return {
    nowMs: () => clock.nowMs(),
    pause: async (ms, life) => {
      await clock.sleepMs(ms, life);
      if (life.aborted) await new Promise(() => {});
    },
  };
}

function isFor({ to }: SentRecord, name: string): boolean {
  return "group" in to ? to.group === name : to.number === name || to.uuid === name;
}
