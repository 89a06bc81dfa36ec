/**
 * Kills everything at random and judges from outside.
 *
 *     deno task chaos [--seconds N] [--seed S] [--db mysql|mariadb|sqlite] [--instances 1|2] [--json]
 *     deno task chaos --messages 10000 --every 2 …      a kill -9 every two seconds until so many messages were sent
 *
 * The last line of standard output is the outcome as JSON; exit code 1 when a promise was broken, 2 for a wrong argument.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { databases } from "../support/databases.ts";
import { chaos, type Progress } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    db: { type: "string" },
    instances: { type: "string", default: "1" },
    messages: { type: "string" },
    every: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const drill = values.messages === undefined
  ? undefined
  : { messages: Number(values.messages), everyMs: Number(values.every) * 1_000 };
const seed = values.seed === undefined
  ? crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000
  : Number(values.seed);
const engines = databases();
const engine = values.db === undefined
  ? engines.findLast(({ skip }) => skip === undefined)!
  : engines.find(({ name }) => name === values.db);
const drillable = drill === undefined || (drill.messages >= 1 && drill.everyMs >= 100);
if (
  !(seconds >= 5) || !drillable || !Number.isInteger(seed) || !["1", "2"].includes(values.instances) ||
  engine === undefined
) {
  console.error(
    "usage: chaos [--seconds N] (5 or more) [--seed S] (whole) [--db mysql|mariadb|sqlite] [--instances 1|2] [--json]\n" +
      "       chaos --messages N [--every SECONDS] …",
  );
  Deno.exit(2);
}
if (engine.skip !== undefined) {
  console.error(engine.skip);
  Deno.exit(2);
}

const terminal = Deno.stderr.isTerminal() && !values.json;
const outcome = await chaos({
  seed,
  seconds,
  engine: engine.name,
  instances: values.instances === "2" ? 2 : 1,
  ...(drill === undefined ? {} : { drill }),
  onProgress: (progress) => show(progress),
});
if (terminal) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
if (!values.json) {
  console.log(
    outcome.broken.length === 0
      ? `All promises held: ${outcome.messages} messages, ${outcome.kills} kills, ` +
        `${outcome.doubled} doubled of ${outcome.in_flight_at_kills} requests that got no answer.`
      : `A promise was broken. Again: deno task chaos --seed ${seed} --seconds ${seconds} --db ${engine.name} ` +
        `--instances ${values.instances}\n  ${outcome.broken.join("\n  ")}\n  files: ${outcome.kept}`,
  );
}
console.log(JSON.stringify(outcome));
Deno.exit(outcome.broken.length === 0 ? 0 : 1);

/** One line that is rewritten on a terminal; elsewhere a line per mishap. */
function show({ elapsedMs, phase, sent, kills, mishap }: Progress): void {
  const line = `${(elapsedMs / 1_000).toFixed(1).padStart(6)} s of ${seconds}  ${phase}  ${sent} sent  ${kills} kills`;
  if (terminal) {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}${mishap ? `  ${describe(mishap)}` : ""}`));
  } else if (!values.json && (mishap !== undefined || phase !== "chaos")) {
    console.error(`${line}${mishap ? `  ${describe(mishap)}` : ""}`);
  }
}

function describe({ kind, forMs, ...more }: NonNullable<Progress["mishap"]>): string {
  const which = "trouble" in more ? ` ${more.trouble}` : "instance" in more ? ` ${more.instance}` : "";
  return `${kind}${which}${forMs > 0 ? ` for ${forMs} ms` : ""}`;
}
