/**
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import type { MysqlOptions } from "./options.ts";

/**
 * Asks for our own permissions first: the driver shows a refused one as ECONNREFUSED, as if the server were away
 * (facts: deno.md §3). @returns the error that names the missing grant
 */
export async function missingGrant(options: MysqlOptions): Promise<StoreUnavailable | undefined> {
  const wanted: readonly [string, Deno.PermissionDescriptor][] = options.socketPath === undefined
    ? [[`--allow-net=${options.host}:${options.port}`, { name: "net", host: `${options.host}:${options.port}` }]]
    : [
      [`--allow-read=${options.socketPath}`, { name: "read", path: options.socketPath }],
      [`--allow-write=${options.socketPath}`, { name: "write", path: options.socketPath }],
    ];
  for (const [flag, descriptor] of wanted) {
    if ((await Deno.permissions.query(descriptor)).state !== "granted") {
      return new StoreUnavailable("denied", `this program may not connect to its database: ${flag} is missing`);
    }
  }
  return undefined;
}
