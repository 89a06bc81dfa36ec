/**
 * The demo's folder: made by the demo, removed by the demo, and nothing else ever touched.
 *
 * @module
 */
import { join } from "node:path";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";

export const DEFAULT_FOLDER = "./signal-automation-demo";
/** How many default names are tried: each belongs to a demo that still runs or was kept. */
const MOST_FOLDERS = 20;

export interface DemoFolder {
  readonly path: string;
  readonly database: string;
  readonly templates: string;
  readonly log: string;
  remove(): Promise<void>;
}

/**
 * Makes a new folder; one that exists is never used, so nobody's files can be lost.
 * @param wanted `--folder`; default: {@link DEFAULT_FOLDER}, or that with a number behind it
 * @throws {CliProblem} when it exists or cannot be made
 */
export async function makeDemoFolder(wanted: string | undefined): Promise<DemoFolder> {
  const names = wanted !== undefined
    ? [wanted]
    : Array.from({ length: MOST_FOLDERS }, (_, at) => at === 0 ? DEFAULT_FOLDER : `${DEFAULT_FOLDER}-${at + 1}`);
  for (const path of names) {
    if (await make(path)) return demoFolder(path);
  }
  const exists = names.length === 1
    ? `${names[0]} exists already`
    : `${DEFAULT_FOLDER} and ${names.length - 1} more exist`;
  throw new CliProblem(EXIT.usage, exists, {
    details: ["The demo wants a folder of its own, so that it can remove it without asking."],
    next: "Remove it, or name another one: signal-automation demo --folder ./my-demo",
  });
}

/** The paths inside, whether or not it exists. */
export function demoFolder(path: string): DemoFolder {
  return {
    path,
    database: join(path, "shop.db"),
    templates: join(path, "templates.yaml"),
    log: join(path, "service.log"),
    remove: () => Deno.remove(path, { recursive: true }),
  };
}

/** @returns false when it exists */
async function make(path: string): Promise<boolean> {
  try {
    await Deno.mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    const why = error instanceof Deno.errors.NotFound
      ? "the folder above it does not exist"
      : error instanceof Deno.errors.NotCapable
      ? "this program may write only below the folder where it is started and its own folders"
      : error instanceof Deno.errors.PermissionDenied
      ? "this user may not write here"
      : (error as { code?: unknown }).code === "EROFS"
      ? "the disk is read-only"
      : undefined;
    if (why === undefined) throw error;
    throw new CliProblem(EXIT.usage, `the demo cannot make its folder ${path}`, {
      details: [why],
      next: "Start it in a folder where you may write: cd && signal-automation demo",
      cause: error,
    });
  }
}
