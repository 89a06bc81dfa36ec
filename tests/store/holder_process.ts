/**
 * A process that can be proven dead: says so on standard output and waits to be killed.
 *
 *     deno run holder_process.ts FOLDER HOLDER BOOTED_AT_MS
 */
import { LeaseHolder } from "../../lib/store/lease_holder.ts";

const [folder, holder, bootedAtMs] = Deno.args;
new LeaseHolder(folder!, holder!, Number(bootedAtMs)).open();
console.log("ready");
setInterval(() => {}, 60_000);
