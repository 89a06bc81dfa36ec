/**
 * The runtime that `deno compile` embeds: for which machine it must be, and what to do where it cannot be had.
 *
 * @module
 */

/** What the program is built for, with the number of the processor in an ELF header. */
const MACHINES: Readonly<Record<string, number>> = {
  "x86_64-unknown-linux-gnu": 0x3e,
  "aarch64-unknown-linux-gnu": 0xb7,
};
export const TARGETS: readonly string[] = Object.keys(MACHINES);

/** Magic, then at 18 the processor, little-endian on both machines. */
const HEADER_BYTES = 20;

/**
 * Compares `DENORT_BIN` with the target: Deno would embed it unseen, and the program would not start there.
 * @throws {Error} with what to do
 */
export async function checkRuntime(target: string, denort: string | undefined): Promise<void> {
  if (!TARGETS.includes(target)) {
    // For itself any machine may compile; only Linux is tested.
    if (target === Deno.build.target) return;
    throw new Error(`--target ${target}: accepted are ${TARGETS.join(" and ")}`);
  }
  if (denort === undefined) return;
  const header = new Uint8Array(HEADER_BYTES);
  try {
    using file = await Deno.open(denort);
    await file.read(header);
  } catch (error) {
    throw new Error(`DENORT_BIN names ${denort}, which cannot be read. ${howToGetRuntime(target)}`, { cause: error });
  }
  const isElf = header[0] === 0x7f && new TextDecoder().decode(header.subarray(1, 4)) === "ELF";
  const machine = isElf ? new DataView(header.buffer).getUint16(18, true) : undefined;
  if (machine === MACHINES[target]) return;
  const found = TARGETS.find((name) => MACHINES[name] === machine) ?? "no Linux machine known here";
  throw new Error(
    `DENORT_BIN names ${denort}, which is for ${found} and not for ${target}. ${howToGetRuntime(target)}`,
  );
}

/** For the message when compiling fails. */
export function howToGetRuntime(target: string): string {
  const more = target === Deno.build.target ? "" : ` --target ${target}`;
  return "Without DENORT_BIN the runtime to embed is downloaded from dl.deno.land. Where that cannot be reached, set " +
    `DENORT_BIN to the denort of Deno ${Deno.version.deno} for ${target} (from the official releases, on a machine that ` +
    `reaches them); where npm can be reached: DENORT_BIN=$(scripts/denort ${target}) scripts/deno task compile${more}`;
}
