/**
 * Which settings point at something that the running program may not touch (design §9).
 *
 * @module
 */
import type { Config } from "./config.ts";
import { GENERAL_PERMISSIONS } from "./permissions.ts";
import type { Problem, Warning } from "./problems.ts";
import { covers, hostAndPort, type Reach, reachOf } from "./reach.ts";

/** Answers for one permission; `Deno.permissions.querySync(descriptor).state` outside tests. */
export type QueryGrant = (descriptor: Deno.PermissionDescriptor) => Deno.PermissionState;

export interface OutsideGrants {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
  /** Every setting of which something is refused, those included whose folder lies in another refused one. */
  readonly settings: ReadonlySet<string>;
}

const USUAL_PROGRAM = "signal-cli";
const SAME_MACHINE = ["localhost", "127.0.0.1", "::1"];

/**
 * Asks for everything that the settings reach; nothing is opened, run or connected to. Where everything is granted, as
 * under `deno run -A`, nothing is found.
 * @param options.envFile where the settings were read, for the command that compiles a program for them
 */
export function outsideGrants(
  config: Config,
  query: QueryGrant,
  options: { readonly envFile?: string | undefined } = {},
): OutsideGrants {
  const problems = new Map<string, Problem>();
  const warnings: Warning[] = [];
  const refused = reachOf(config).filter((reach) => query(descriptorOf(reach)) !== "granted");
  for (const reach of refused) {
    // A folder below a refused one needs no line of its own.
    if (isPath(reach) && refused.some((other) => other !== reach && isAbove(other, reach))) continue;
    // Deno looks names up on PATH at its start, and then cannot tell a program that is absent from one it may not run.
    if (reach.kind === "run" && reach.target === USUAL_PROGRAM) {
      // A daemon may run where there is no such program; only `link` would start it.
      if (config.signal.transport === "socket") continue;
      warnings.push({
        name: reach.setting,
        warning: `${reach.target} is not on PATH, or this program was compiled for another Signal client`,
      });
      continue;
    }
    const key = `${reach.setting} ${reach.target}`;
    if (problems.has(key)) continue;
    const kinds = refused.filter(({ setting, target }) => setting === reach.setting && target === reach.target)
      .map(({ kind }) => kind);
    problems.set(key, problemOf(reach, kinds, query, options.envFile));
  }
  return { problems: [...problems.values()], warnings, settings: new Set(refused.map(({ setting }) => setting)) };
}

function problemOf(reach: Reach, kinds: readonly string[], query: QueryGrant, envFile: string | undefined): Problem {
  const accepted = acceptedInstead(reach, query);
  return {
    name: reach.setting,
    problem: `this program is not permitted to ${verbOf(kinds)} ${reach.target} (${reach.why})`,
    ...(accepted === undefined ? {} : { accepted }),
    hint: `in a checkout, scripts/deno run -A scripts/compile.ts --for ${envFile ?? "ENV_FILE"} ` +
      "compiles a program for these settings",
  };
}

function verbOf(kinds: readonly string[]): string {
  if (kinds.includes("net")) return "reach";
  if (kinds.includes("run")) return "run";
  return kinds.join(" and ");
}

/** What the running program does have, as far as it can be asked for. */
function acceptedInstead(reach: Reach, query: QueryGrant): string | undefined {
  const granted = (descriptor: Deno.PermissionDescriptor) => query(descriptor) === "granted";
  if (isPath(reach)) {
    const folders = GENERAL_PERMISSIONS[reach.kind as "read" | "write"].filter((path) =>
      granted(pathOf(reach.kind, path))
    );
    return folders.length === 0 ? undefined : `a path below ${folders.join(", ")}`;
  }
  if (reach.kind === "run") {
    return granted({ name: "run", command: USUAL_PROGRAM }) ? `${USUAL_PROGRAM}, found on PATH` : undefined;
  }
  // To Deno these are different hosts, so the other spelling may be the one that was compiled in.
  const port = Number(reach.target.slice(reach.target.lastIndexOf(":") + 1));
  const spellings = SAME_MACHINE.map((host) => hostAndPort(host, port));
  if (!spellings.includes(reach.target)) return undefined;
  const other = spellings.find((host) => granted({ name: "net", host }));
  return other === undefined ? undefined : `${other}, spelt so`;
}

function descriptorOf({ kind, target }: Reach): Deno.PermissionDescriptor {
  if (kind === "net") return { name: "net", host: target };
  if (kind === "run") return { name: "run", command: target };
  return pathOf(kind, target);
}

function pathOf(kind: string, path: string): Deno.PermissionDescriptor {
  return kind === "read" ? { name: "read", path } : { name: "write", path };
}

function isPath({ kind }: Reach): boolean {
  return kind === "read" || kind === "write";
}

function isAbove(other: Reach, reach: Reach): boolean {
  return other.kind === reach.kind && other.target !== reach.target && covers(other.target, reach.target);
}
