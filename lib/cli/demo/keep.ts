/**
 * `demo --keep`: the service goes on, and what people receive is shown as it comes.
 *
 * @module
 */
import { basename } from "node:path";
import { DEFAULT_FOLDER, type DemoFolder } from "./folder.ts";
import type { Feed } from "./feed.ts";
import type { Stage } from "./stage.ts";

export interface KeepOptions {
  readonly stage: Stage;
  readonly feed: Feed;
  readonly folder: DemoFolder;
  readonly signal: AbortSignal;
}

/** Resolves at Ctrl-C. */
export async function keepRunning({ stage, feed, folder, signal }: KeepOptions): Promise<void> {
  stage.scene("Now you");
  stage.tell("The service keeps running. From another terminal, in this folder:");
  stage.plain();
  const where = folder.path === DEFAULT_FOLDER ? "" : ` --folder ${quote(folder.path)}`;
  stage.show("$", `${demoCommand()} order --client "Your name" --total 12.50${where}`);
  stage.plain();
  stage.tell(`Or edit ${folder.templates} and insert another one. Ctrl-C ends the demo; the folder stays.`);
  stage.plain();
  const unlisten = feed.onDelivery((delivery) => stage.received(delivery));
  try {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    unlisten();
  }
}

/** How this very program is called: by name where it is installed, else by its path, else through the sources. */
function demoCommand(): string {
  if (!Deno.build.standalone) return "./scripts/deno task demo";
  const path = Deno.execPath();
  return `${/^\/usr\/(local\/)?bin\/[^/]+$/.test(path) ? basename(path) : quote(path)} demo`;
}

/** For a POSIX shell. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
