/**
 * Permissions as flags of `deno compile`, each with its reason.
 *
 * @module
 */
import { type Grants, PERMISSION_REASONS, type Reasons } from "../../lib/config/permissions.ts";

/** A flag, why it is there, and why each thing in it is. */
export interface Flag {
  readonly flag: string;
  readonly why: string;
  /** `name: reason`, one line each; same reasons share a line. */
  readonly details: readonly string[];
}

/** Settings of V8, baked in: a compiled program takes none when it starts. One that V8 does not know stops the start. */
const V8_FLAGS: Readonly<Record<string, string>> = {
  "--managed-zone-memory": "what compiling the source took goes back to the system; malloc would keep 10 MiB of it",
  "--max-semi-space-size=8": "MiB: room for new objects under load, a quarter of what V8 would take",
  "--heap-growing-percent=60":
    "the heap is collected when it has grown so much; at twice its size an idle service grows for half an hour first",
};

/**
 * The flags of the compiled program, always in the same order for the same grants. A kind of which nothing is granted
 * has no flag, which refuses all of it.
 * @param denoVersion of the Deno that compiles: since 2.9 a unix socket also needs a grant of the network, and 2.7
 *   does not even parse that grant (facts: deno.md §3)
 */
export function permissionFlags(grants: Grants, denoVersion: string): Flag[] {
  const flags: Flag[] = [
    { flag: "--no-prompt", why: "a service has nobody to ask: what is not granted fails", details: [] },
    {
      flag: "--no-code-cache",
      why: "no file of a predictable name in the temporary folder; costs about 30 ms of start",
      details: [],
    },
    {
      flag: `--v8-flags=${Object.keys(V8_FLAGS).join(",")}`,
      why: "resident memory; what each costs and brings: scripts/README.md",
      details: Object.entries(V8_FLAGS).map(([name, why]) => `${name}: ${why}`),
    },
  ];
  for (const kind of ["env", "read", "write", "run", "sys"] as const) flags.push(...listFlag(kind, grants[kind]));
  const socketsAreNet = countsSocketsAsNetwork(denoVersion);
  const sockets = socketsAreNet
    ? "unix sockets too, since 2.9 counts them as network"
    : "unix sockets are files here, granted by read and write";
  if (grants.net === "every host") {
    flags.push({
      flag: "--allow-net",
      why: `${PERMISSION_REASONS.net}, which only the settings name; ${sockets}`,
      details: ["every host: the general build is made before there are settings; use --for to narrow it"],
    });
  } else {
    const net = { ...grants.net, ...(socketsAreNet ? socketsOf(grants.write) : {}) };
    flags.push(
      ...listFlag("net", net, "; localhost:P, 127.0.0.1:P and [::1]:P are three grants: settings must spell it so"),
    );
  }
  return flags;
}

function listFlag(kind: keyof typeof PERMISSION_REASONS, reasons: Reasons, note = ""): Flag[] {
  const names = Object.keys(reasons);
  if (names.length === 0) return [];
  return [{
    // Deno reads a doubled comma as a comma of the name.
    flag: `--allow-${kind}=${names.map((name) => name.replaceAll(",", ",,")).join(",")}`,
    why: PERMISSION_REASONS[kind] + note,
    details: detailsOf(reasons),
  }];
}

function detailsOf(reasons: Reasons): string[] {
  const byReason = Map.groupBy(Object.keys(reasons), (name) => reasons[name]!);
  return [...byReason].map(([reason, names]) => `${names.join(" ")}: ${reason}`);
}

function countsSocketsAsNetwork(denoVersion: string): boolean {
  const [major = 0, minor = 0] = denoVersion.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 9);
}

/** The sockets among the paths that may be written: those that a setting names as one. */
function socketsOf(write: Reasons): Reasons {
  const sockets = Object.keys(write).filter((path) => /\b(?:DB|SIGNAL)_SOCKET:/.test(write[path]!));
  return Object.fromEntries(sockets.map((path) => [`unix:${path}`, `${write[path]}, as 2.9 counts it`]));
}

/** What `--explain` prints. */
export function explain(flags: readonly Flag[]): string {
  return flags.map(({ flag, why, details }) =>
    [flag, `    ${why}`, ...details.map((line) => `      ${line}`)].join("\n")
  )
    .join("\n");
}
