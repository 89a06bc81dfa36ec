/**
 * A program that tries what it is told to, compiled with the very flags of the product: `probe '["read","/etc/hosts"]' …`
 * prints, for each, `done` or the name of what stopped it.
 *
 * @module
 */
import net from "node:net";
import { statfsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const ATTEMPTS: Readonly<Record<string, (target: string) => unknown>> = {
  read: (path) => Deno.readFile(path),
  list: (path) => Array.fromAsync(Deno.readDir(path)),
  write: (path) => Deno.writeTextFile(path, "x"),
  sqlite: (path) => new DatabaseSync(path).close(),
  import: (path) => import(path),
  dlopen: (path) => Deno.dlopen(path, {}).close(),
  env: (name) => Deno.env.get(name),
  "every variable": () => Deno.env.toObject(),
  uptime: () => Deno.osUptime(),
  hostname: () => Deno.hostname(),
  statfs: (path) => statfsSync(path),
  run: async (program) => {
    const { success } = await new Deno.Command(program, { clearEnv: true, env: { PATH: Deno.env.get("PATH")! } })
      .output();
    if (!success) throw new Error("the program failed");
  },
  connect: async (address) => (await Deno.connect(hostAndPort(address))).close(),
  // As the database's driver does it; in 2.7 a missing grant looks like a refused connection.
  "node connect": (address) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = hostAndPort(address);
      const socket = net.connect({ host: hostname, port }, () => resolve(socket.destroy()));
      socket.on("error", reject);
    }),
  fetch: async (url) => await (await fetch(url)).body?.cancel(),
  listen: (address) => Deno.listen(hostAndPort(address)).close(),
  socket: async (path) => (await Deno.connect({ transport: "unix", path })).close(),
  ask: (path) => {
    const { state } = Deno.permissions.requestSync({ name: "read", path });
    if (state !== "granted") throw Object.assign(new Error(), { name: state });
  },
};

function hostAndPort(address: string): { hostname: string; port: number } {
  const cut = address.lastIndexOf(":");
  return { hostname: address.slice(0, cut), port: Number(address.slice(cut + 1)) };
}

const results: string[] = [];
for (const argument of Deno.args) {
  const [kind, target] = JSON.parse(argument) as [string, string];
  try {
    await ATTEMPTS[kind]!(target);
    results.push("done");
  } catch (error) {
    const { name, code } = error as Error & { code?: string };
    results.push(name === "NotCapable" ? name : code ?? name);
  }
}
console.log(JSON.stringify(results));
Deno.exit(0);
