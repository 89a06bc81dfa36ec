import assert from "node:assert/strict";
import { openLog } from "../../lib/observe/log.ts";
import { appendLogLine, LOOK_AFTER_MS, openLogFile, REOPEN_AFTER_MS } from "../../lib/observe/log_file.ts";
import { AS_ROOT } from "../support/as_root.ts";
import { ManualClock } from "../support/recording.ts";

const DAY_MS = 24 * 60 * 60_000;

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "logs-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("two writers of one file turn it once: no line is lost, no day overwritten", () =>
  inFolder(async (folder) => {
    const clock = new ManualClock(Date.UTC(2100, 0, 1, 12));
    const one = openLogFile(folder, "a.log", clock);
    const two = openLogFile(folder, "a.log", clock);
    one.write("one today\n");
    two.write("two today\n");
    clock.jumpWall(DAY_MS);
    two.write("two tomorrow\n");
    one.write("one tomorrow\n");
    one.close();
    two.close();
    assert.equal(await Deno.readTextFile(`${folder}/a.log.2100-01-01`), "one today\ntwo today\n");
    assert.equal(await Deno.readTextFile(`${folder}/a.log`), "two tomorrow\none tomorrow\n");
  }));

Deno.test("a file that was removed or moved away while it was open is made anew under its name", () =>
  inFolder(async (folder) => {
    const clock = new ManualClock(Date.UTC(2100, 0, 1, 12));
    const file = openLogFile(folder, "a.log", clock);
    file.write("first\n");
    await Deno.rename(`${folder}/a.log`, `${folder}/a.log.1`);
    await clock.advance(LOOK_AFTER_MS);
    file.write("second\n");
    await Deno.remove(`${folder}/a.log`);
    await clock.advance(LOOK_AFTER_MS);
    file.write("third\n");
    file.close();
    assert.equal(await Deno.readTextFile(`${folder}/a.log.1`), "first\n");
    assert.equal(await Deno.readTextFile(`${folder}/a.log`), "third\n");
  }));

Deno.test({
  name: "a file that another user made and closed to us is put aside, and lines go on under the name",
  // No mode stops root; tests/boot/run tries it with both users.
  ignore: AS_ROOT,
  fn: () =>
    inFolder(async (folder) => {
      const clock = new ManualClock(Date.UTC(2100, 0, 1, 12));
      await Deno.writeTextFile(`${folder}/h.log`, "root's\n", { mode: 0o000 });
      await Deno.utime(`${folder}/h.log`, new Date(clock.nowMs()), new Date(clock.nowMs()));
      assert.equal(appendLogLine(folder, "h.log", "ours", clock), true);
      assert.equal(await Deno.readTextFile(`${folder}/h.log`), "ours\n");
      await Deno.chmod(`${folder}/h.log.2100-01-01`, 0o600);
      assert.equal(await Deno.readTextFile(`${folder}/h.log.2100-01-01`), "root's\n");
    }),
});

Deno.test("`appendLogLine()` turns a file that an earlier day left, and keeps seven", () =>
  inFolder(async (folder) => {
    const clock = new ManualClock(Date.UTC(2026, 0, 15, 12));
    for (let day = 1; day <= 14; day++) {
      await Deno.writeTextFile(`${folder}/h.log.2026-01-${String(day).padStart(2, "0")}`, "old\n");
    }
    await Deno.remove(`${folder}/h.log.2026-01-14`);
    await Deno.writeTextFile(`${folder}/h.log`, "yesterday\n");
    await Deno.utime(`${folder}/h.log`, new Date("2026-01-14T23:59:00Z"), new Date("2026-01-14T23:59:00Z"));
    assert.equal(appendLogLine(folder, "h.log", "today", clock), true);
    assert.equal(await Deno.readTextFile(`${folder}/h.log`), "today\n");
    assert.equal(await Deno.readTextFile(`${folder}/h.log.2026-01-14`), "yesterday\n");
    const kept = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "h.log").sort();
    assert.deepEqual([kept.length, kept[0]], [7, "h.log.2026-01-08"]);
    assert.equal(appendLogLine(`${folder}/none`, "h.log", "today", clock), false);
  }));

Deno.test("a LOG_DIR that cannot be written is one warning, and its files begin when it can", () =>
  inFolder(async (folder) => {
    const clock = new ManualClock();
    const lines: string[] = [];
    const logDir = `${folder}/later`;
    const { log, close } = await openLog({
      level: "INFO",
      format: "json",
      stream: { isTerminal: false, write: (line) => void lines.push(line) },
      clock,
      logDir,
    });
    log.info("first");
    log.info("second");
    assert.deepEqual(lines.map((line) => JSON.parse(line).level), ["INFO", "WARNING", "INFO"]);
    await Deno.mkdir(logDir);
    await clock.advance(REOPEN_AFTER_MS);
    log.info("third");
    log.child("templates").warn("A file was refused");
    await close();
    assert.match(await Deno.readTextFile(`${logDir}/signal-automation.log`), /third\n.*A file was refused\n$/);
    assert.match(await Deno.readTextFile(`${logDir}/template-updates.log`), / - templates - WARNING - A file was/);
  }));

Deno.test("a full disk loses lines and nothing else", () => {
  // Every write to it fails with ENOSPC.
  const file = openLogFile("/dev", "full", new ManualClock());
  assert.equal(file.write("lost\n"), false);
  file.close();
});
