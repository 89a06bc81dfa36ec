/**
 * The gate's check of the architecture (design §3): which room may import which, and what only one room may do.
 * Prints `file:line: what is wrong` for each finding and exits 1 when there is one.
 *
 *   deno run -A scripts/check_rooms.ts [--root DIR]
 *
 * A ban (not an arrow) can be lifted for one line by a comment on it or on the line above:
 * `gate-allow: sql, shown to people, never run`.
 *
 * @module
 */
import { dirname, join, normalize, relative } from "node:path";
import { parseArgs } from "node:util";
import { readSource, type SourceText } from "./source_text.ts";

export interface Finding {
  /** Below the root, with forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Interfaces that other rooms may see although they may not see the room. */
const STORE_PORT = "store/port.ts";
const CHANNEL_PORT = "channels/channel.ts";
const ENQUEUE = "outbox/enqueue.ts";

/**
 * Room → what it may import: a room, or one file of a room. Every room may import itself. `*` is everything.
 * `demo` is a part of the command line that also plays the shop; `simulator` stands for signal-cli and knows nothing of us.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  runtime: ["domain"],
  config: ["domain"],
  store: ["domain", "runtime"],
  templates: ["domain", "runtime"],
  channels: ["domain", "runtime"],
  inbox: ["domain", "runtime", STORE_PORT, CHANNEL_PORT],
  outbox: ["domain", "runtime", STORE_PORT, CHANNEL_PORT],
  automations: ["domain", "runtime", "templates", ENQUEUE, STORE_PORT],
  alerts: ["domain", "runtime", "templates", CHANNEL_PORT, ENQUEUE],
  http: ["domain", "runtime", STORE_PORT, CHANNEL_PORT, "observe"],
  observe: ["domain", "runtime"],
  simulator: [],
  demo: ["*"],
  cli: ["*"],
  "app.ts": ["*"],
  app: ["*"],
  "mod.ts": ["*"],
};

/** Rooms that only these may import, even those that may import everything. */
const IMPORTED_ONLY_BY: Readonly<Record<string, readonly string[]>> = {
  config: ["cli", "demo", "app", "app.ts", "mod.ts"],
  simulator: ["cli", "demo"],
  cli: ["demo"],
  demo: ["cli"],
};

/** Libraries that only one room may know, so that another library can take their place. */
const LIBRARY_ROOM: readonly { readonly pattern: RegExp; readonly rooms: readonly string[] }[] = [
  { pattern: /^(?:npm:)?(?:mysql2|kysely)(?:[@/]|$)/, rooms: ["store"] },
  { pattern: /^node:sqlite$/, rooms: ["store", "demo"] },
  { pattern: /^(?:npm:)?hono(?:[@/]|$)/, rooms: ["http"] },
  { pattern: /^(?:npm:)?commander(?:[@/]|$)/, rooms: ["cli", "demo"] },
  { pattern: /^(?:npm:)?@logtape\//, rooms: ["observe"] },
];

/** Holds the program's version; the one file outside `lib/` that code in it may import, and only the command line. */
const VERSION_FILE = "deno.json";

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*$/;

/** What code may not do outside some places. */
const BANS: readonly {
  readonly name: string;
  readonly pattern: RegExp;
  /** Looked for in code, or in the texts of strings. */
  readonly in: "code" | "strings";
  readonly allowed: (path: string, room: string) => boolean;
  readonly why: string;
}[] = [
  {
    name: "clock",
    pattern: /\bDate\s*\.\s*now\b|\bsetTimeout\b|\bsetInterval\b|\bperformance\s*\.\s*now\b/g,
    in: "code",
    allowed: (path, room) => path === "lib/runtime/clock.ts" || room === "simulator",
    why: "only lib/runtime/clock.ts reads clocks and sets timers; take a Clock",
  },
  {
    name: "console",
    pattern: /\bconsole\s*\.\s*[a-z]+/g,
    in: "code",
    allowed: (_, room) => room === "cli" || room === "demo" || room === "observe",
    why: "only cli/ and observe/ write to the console; take a Log",
  },
  {
    name: "sql",
    pattern:
      /\bSELECT\s[^;]*\sFROM\s|\bINSERT\s+(?:IGNORE\s+)?INTO\s|\bUPDATE\s+\w+\s+SET\s|\bDELETE\s+FROM\s|\b(?:CREATE|ALTER|DROP)\s+TABLE\s/g,
    in: "strings",
    allowed: (_, room) => room === "store" || room === "demo",
    why: "SQL stands in lib/store only (and in the demo, which plays the shop)",
  },
];

/** Folders of the top level (design §3). Hidden ones and what .gitignore names are nobody's business here. */
const TOP_FOLDERS = new Set(["lib", "templates", "sql", "systemd", "scripts", "tests"]);
const IGNORED_FOLDERS = new Set(["dist", "coverage", "node_modules"]);

/** @returns every finding, in order of path and line */
export async function checkRooms(root: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const entry of Deno.readDir(root)) {
    const known = TOP_FOLDERS.has(entry.name) || IGNORED_FOLDERS.has(entry.name) || entry.name.startsWith(".");
    if (entry.isDirectory && !known) {
      findings.push({ file: entry.name, line: 1, text: "no such folder is planned at the top level (design §3)" });
    }
  }
  for await (const path of sources(join(root, "lib"))) {
    const file = relative(root, path).replaceAll("\\", "/");
    findings.push(...checkFile(file, await Deno.readTextFile(path)));
  }
  return findings.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sources(path);
    else if (/\.(?:ts|tsx|js|mjs)$/.test(entry.name)) yield path;
  }
}

/** @param file path below the root, beginning with `lib/` */
export function checkFile(file: string, text: string): Finding[] {
  const source = readSource(text);
  const lines = text.split("\n");
  const room = roomOf(file.slice("lib/".length));
  const findings: Finding[] = [];
  const add = (at: number, message: string) => findings.push({ file, line: source.lineOf(at), text: message });

  if (!Object.hasOwn(MAY_IMPORT, room)) add(0, `lib/${room} is no room of the design`);
  for (const { specifier, at } of importsOf(source)) {
    const problem = arrowProblem(file, room, specifier);
    if (problem !== undefined) add(at, problem);
  }
  for (const ban of BANS) {
    if (ban.allowed(file, room)) continue;
    for (const { at, found } of uses(source, ban)) {
      const line = source.lineOf(at);
      const excuse = `gate-allow: ${ban.name}`;
      if (lines[line - 1]?.includes(excuse) || lines[line - 2]?.includes(excuse)) continue;
      add(at, `${found.replace(/\s+/g, " ").trim().slice(0, 40)}: ${ban.why}`);
    }
  }
  return findings;
}

function uses(source: SourceText, ban: typeof BANS[number]): { at: number; found: string }[] {
  if (ban.in === "code") return [...source.code.matchAll(ban.pattern)].map((m) => ({ at: m.index, found: m[0] }));
  return source.strings.flatMap(({ text, at }) => {
    return [...text.matchAll(ban.pattern)].map((m) => ({ at: at + 1 + m.index, found: m[0] }));
  });
}

function importsOf(source: SourceText): { specifier: string; at: number }[] {
  return source.strings
    .filter(({ at }) => IMPORT.test(source.code.slice(Math.max(0, at - 40), at)))
    .map(({ text, at }) => ({ specifier: text, at }));
}

/** `store` for `store/mysql/pool.ts`, `app.ts` for `app.ts`, `demo` for `cli/demo/shop.ts`. */
function roomOf(pathInLib: string): string {
  if (pathInLib.startsWith("cli/demo/")) return "demo";
  return pathInLib.split("/")[0] ?? pathInLib;
}

function arrowProblem(file: string, room: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) {
    const library = LIBRARY_ROOM.find(({ pattern }) => pattern.test(specifier));
    if (library === undefined || library.rooms.includes(room)) return undefined;
    return `${specifier} may be imported by lib/${library.rooms.join(", lib/")} only`;
  }
  const target = normalize(join(dirname(file), specifier)).replaceAll("\\", "/");
  if (target === VERSION_FILE && room === "cli") return undefined;
  if (!target.startsWith("lib/")) return `${specifier} leaves lib/`;
  const targetInLib = target.slice("lib/".length);
  const targetRoom = roomOf(targetInLib);
  if (targetRoom === room) return undefined;
  const only = IMPORTED_ONLY_BY[targetRoom];
  if (only !== undefined && !only.includes(room)) {
    return `lib/${room} imports lib/${targetRoom}, which only ${only.join(", ")} may import`;
  }
  const allowed = MAY_IMPORT[room] ?? [];
  if (allowed.includes("*") || allowed.includes(targetRoom) || allowed.includes(targetInLib)) return undefined;
  const list = allowed.length === 0 ? "nothing but itself" : allowed.join(", ");
  return `lib/${room} may not import lib/${targetInLib} (it may import ${list})`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { root: { type: "string" } } });
  const findings = await checkRooms(values.root ?? join(import.meta.dirname!, ".."));
  for (const { file, line, text } of findings) console.log(`${file}:${line}: ${text}`);
  if (findings.length > 0) {
    console.log(`${findings.length} finding${findings.length === 1 ? "" : "s"}`);
    Deno.exit(1);
  }
}
