/**
 * A person's proof on its way from a command to the channel: kept, taken once, answered, and only by who may send.
 */
import assert from "node:assert/strict";
import type { PersonProof, ProofDemand, ProofOutcome } from "../../lib/channels/channel.ts";
import { AccountPause } from "../../lib/outbox/pause.ts";
import { ProofDesk } from "../../lib/outbox/proof.ts";
import { ProofRequests } from "../../lib/outbox/proof_requests.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import type { HeldLease, Lease, Store } from "../../lib/store/port.ts";
import { databases, databaseTest, openTestStore } from "../support/databases.ts";
import { RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";
import { until } from "../support/until.ts";
import { ACCOUNT } from "./cast.ts";

const LEASE: Lease = { name: `account:${ACCOUNT}`, holder: "one", epoch: 1 };

/** A channel's proof that answers as it is told, and a lease that is held or not. */
function stage(store: Store) {
  const submitted: [string, string][] = [];
  const state = { outcome: "accepted" as ProofOutcome, lease: LEASE as Lease | undefined, accepted: 0 };
  const proof = {
    demand: undefined as ProofDemand | undefined,
    forget() {
      this.demand = undefined;
    },
    submit(challenge: string, solution: string) {
      submitted.push([challenge, solution]);
      if (state.outcome === "accepted") this.demand = { demanded: false };
      return Promise.resolve(state.outcome);
    },
  } satisfies PersonProof & { demand: ProofDemand | undefined };
  const held = { lease: () => state.lease } as HeldLease;
  const log = new RecordingLog();
  const pause = new AccountPause(ACCOUNT, systemClock, systemRandom, { threshold: 5, cooldownMs: 60_000 });
  const ground = { clock: systemClock, log, counters: new RecordingCounters() };
  const onAccepted = () => void state.accepted++;
  const desk = new ProofDesk({ ...ground, store, account: ACCOUNT, held, proof, pause, onAccepted });
  const requests = new ProofRequests(store.state, ACCOUNT);
  /** Rings as the pulse does until it came true. */
  const reach = (what: string, wanted: () => Promise<boolean>) =>
    until(async () => {
      desk.look();
      return await wanted();
    }, what);
  return { desk, requests, proof, pause, state, submitted, reach, log };
}

testServiceContract("The desk of proofs", async () => {
  const db = await openTestStore("sqlite");
  const { desk } = stage(db.store);
  return { service: desk, cleanUp: async () => await db[Symbol.asyncDispose]() };
});

for (const engine of databases()) {
  databaseTest(
    engine,
    "a solution is taken once, answered without being kept, and ends the pause for good",
    async ({ store }) => {
      const { desk, requests, proof, pause, state, submitted, reach } = stage(store);
      await desk.start();
      try {
        pause.begin({ outcome: "paused", reason: "proof_required", retryAfterMs: 3_600_000 });
        await pause.save(store.state);
        proof.demand = { demanded: true, challenge: "t1" };
        await reach("the challenge", async () => await requests.challenge() === "t1");

        state.outcome = "rejected";
        await requests.ask({ id: "a", challenge: "t1", solution: "wrong" });
        await reach("the first answer", async () => await requests.answerTo("a") === "rejected");
        assert.ok(pause.remainingMs() > 0);
        assert.equal(await requests.answerTo("a"), undefined, "an answer is read once");

        state.outcome = "accepted";
        await requests.ask({ id: "b", challenge: "t1", solution: "right" });
        await reach("the second answer", async () => await requests.answerTo("b") === "accepted");
        assert.deepEqual(submitted, [["t1", "wrong"], ["t1", "right"]]);
        assert.deepEqual([pause.remainingMs(), state.accepted, await requests.challenge()], [0, 1, undefined]);
        const later = new AccountPause(ACCOUNT, systemClock, systemRandom, { threshold: 5, cooldownMs: 60_000 });
        await later.load(store.state);
        assert.equal(later.remainingMs(), 0, "a restart finds no pause");
      } finally {
        await desk.stop();
      }
    },
  );
}

databaseTest(
  databases()[0]!,
  "a challenge outlives a restart, and goes when something was accepted",
  async ({ store }) => {
    const { desk, requests, proof, submitted, reach } = stage(store);
    await requests.setChallenge("before");
    await desk.start();
    try {
      await requests.ask({ id: "a", challenge: "before", solution: "s" });
      proof.submit = (challenge, solution) => {
        submitted.push([challenge, solution]);
        return Promise.resolve("channel_down");
      };
      await reach("the answer", async () => await requests.answerTo("a") === "channel_down");
      assert.equal(await requests.challenge(), "before");
      proof.demand = { demanded: true, challenge: undefined };
      await reach("a demand without a challenge", async () => await requests.challenge() === null);
      proof.demand = { demanded: false };
      await reach("its end", async () => await requests.challenge() === undefined);
    } finally {
      await desk.stop();
    }
  },
);

databaseTest(
  databases()[0]!,
  "who does not hold the account leaves requests alone, and forgets what it knew",
  async ({ store }) => {
    const { desk, requests, proof, state, submitted, reach } = stage(store);
    await desk.start();
    try {
      proof.demand = { demanded: true, challenge: "t" };
      await reach("the challenge", async () => await requests.challenge() === "t");
      state.lease = undefined;
      await reach("the loss to be noticed", () => Promise.resolve(proof.demand === undefined));
      await requests.ask({ id: "a", challenge: "t", solution: "s" });
      desk.look();
      await desk.stop();
      assert.deepEqual(submitted, []);
      assert.deepEqual(await requests.take(), { id: "a", challenge: "t", solution: "s" });
    } finally {
      await desk.stop();
    }
  },
);
