/**
 * What the kernel says of a process and of the machine (Linux: `/proc`).
 *
 * @module
 */

/** Kernel ticks per second in `/proc/PID/stat`; 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** Processor time used so far, user and system, seconds. */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The second field is the name in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory now, MB of 10^6 bytes; the kernel's "kB" are 1,024. */
export function residentMb(pid: number): number {
  const match = /^VmRSS:\s*([0-9]+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(match?.[1]) * 1_024 / 1e6;
}

/** Of {@link residentMb} what is no file's: heaps and stacks. The rest are pages of the program, which the kernel may drop. */
export function anonymousMb(pid: number): number {
  const match = /^RssAnon:\s*([0-9]+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(match?.[1]) * 1_024 / 1e6;
}

/** One line on the machine. */
export function machine(): string {
  const model = /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown processor";
  const memoryGib = Math.round(Deno.systemMemoryInfo().total / 1024 ** 3);
  return `${model.replaceAll(/\s+/g, " ")}, ${navigator.hardwareConcurrency} cores, ${memoryGib} GiB, ` +
    `Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}`;
}

/** How much else ran: the load average of the last minute. */
export function load(): number {
  return Deno.loadavg()[0]!;
}
