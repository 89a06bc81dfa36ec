import assert from "node:assert/strict";
import { ProofRequests } from "../../lib/outbox/proof_requests.ts";
import { until } from "../support/until.ts";
import { ACCOUNT, type Letters, withLetters } from "./letters.ts";

const LINK = "signalcaptcha://signal-hcaptcha.5fad97ac.challenge.P1_eyJ0eXAi.x-y~z";

/** Answers the next request as the instance that holds the account would. @returns what it was asked */
async function answer({ store }: Letters, outcome: "accepted" | "channel_down" | "no_answer") {
  const requests = new ProofRequests(store.state, ACCOUNT);
  let taken: Awaited<ReturnType<ProofRequests["take"]>>;
  await until(async () => (taken = await requests.take()) !== undefined, "a request");
  await requests.answer(taken!.id, outcome);
  return [taken!.challenge, taken!.solution];
}

Deno.test("captcha says when nothing is asked for, and when no challenge was named", async () => {
  await withLetters(async (letters) => {
    const requests = new ProofRequests(letters.store.state, ACCOUNT);
    for (const more of [[], ["--challenge", "t"]]) {
      const { exit, err } = await letters.run(["captcha", "-", ...more], { stdin: LINK });
      assert.deepEqual([exit, /asks for no captcha just now/.test(err)], [1, true]);
    }
    await requests.setChallenge(null);
    const { findings } = await letters.json(["doctor"]) as { findings: { name: string; fix: string }[] };
    assert.match(
      findings.find(({ name }) => name === "captcha")?.fix ?? "",
      /^signal-automation captcha --env-file \//,
    );
    const unnamed = await letters.run(["captcha", "-"], { stdin: LINK });
    assert.deepEqual([unnamed.exit, /without naming its challenge/.test(unnamed.err)], [1, true]);
    const [named, asked] = await Promise.all([
      letters.run(["captcha", "-", "--challenge", "mine"], { stdin: LINK }),
      answer(letters, "accepted"),
    ]);
    assert.deepEqual([named.exit, asked], [0, ["mine", LINK]]);
  });
});

Deno.test("captcha takes the link from a person, from standard input, or as an argument with a note; nothing else", async () => {
  await withLetters(async (letters) => {
    await new ProofRequests(letters.store.state, ACCOUNT).setChallenge("t");
    const cases: [string[], Parameters<Letters["run"]>[1]][] = [
      [[], { answers: [`  ${LINK} `] }],
      [[], { stdin: `${LINK}\n` }],
      [["-"], { stdin: `"${LINK}"` }],
      [[LINK], {}],
    ];
    for (const [words, options] of cases) {
      const [{ exit, out, err }, asked] = await Promise.all([
        letters.run(["captcha", ...words], options),
        answer(letters, "accepted"),
      ]);
      assert.deepEqual([exit, out], [0, "Signal accepted it; messages go on\n"], err);
      assert.deepEqual(asked, ["t", LINK]);
      assert.equal(/can see arguments/.test(err), words[0] === LINK);
      assert.ok(!err.includes(LINK));
    }
    for (const text of ["", "https://signalcaptchas.org/", "signalcaptcha://", `${LINK}\nmore`, "x".repeat(30_000)]) {
      const { exit, err } = await letters.run(["captcha"], { stdin: text });
      assert.equal(exit, 2, err);
      assert.ok(!err.includes(LINK) && !err.includes("xxx"), err);
    }
  });
});

Deno.test("captcha tells what became of it, as a refusal or as JSON", async () => {
  await withLetters(async (letters) => {
    await new ProofRequests(letters.store.state, ACCOUNT).setChallenge("t");
    const cases = [["channel_down", /signal-cli is not ready/], ["no_answer", /may have been accepted/]] as const;
    for (const [outcome, text] of cases) {
      const [told] = await Promise.all([letters.run(["captcha"], { stdin: LINK }), answer(letters, outcome)]);
      assert.deepEqual([told.exit, text.test(told.err)], [3, true], told.err);
      const [json] = await Promise.all([
        letters.run(["captcha", "--json"], { stdin: LINK }),
        answer(letters, outcome),
      ]);
      assert.deepEqual([json.exit, JSON.parse(json.out)], [3, { ok: false, outcome, by: "service" }]);
    }
    assert.equal(await letters.store.state.get(`outbox.proof.answer.${ACCOUNT}`), undefined, "answers are read away");
  });
});
