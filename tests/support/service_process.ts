/**
 * The service as a process of its own, run as an operator runs it: from settings in a file, in a folder of its own.
 *
 * @module
 */
import { within } from "../../lib/runtime/clock.ts";
import { PATIENCE_MS } from "./recorder.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Between two looks at the status file. */
const LOOK_MS = 20;

export interface ServiceOptions {
  /** Working folder; `state`, `run` and `.env` are made in it. */
  readonly folder: string;
  /** Settings for its `.env`. Folders for state, runtime and spool are added. */
  readonly settings: Readonly<Record<string, string>>;
  /** Folder with the program `signal-cli`, put first on PATH. Default: the simulator. */
  readonly signalCliFolder?: string;
}

/** What `status.json` holds, as far as tests look into it. */
export interface Status {
  readonly status: string;
  readonly pid: number;
  readonly parts: Readonly<Record<string, { state: string; reason?: string; details?: Record<string, unknown> }>>;
}

/**
 * The program under test: `SIGNAL_AUTOMATION_BINARY` when set (the compiled one), else `deno run` of the source, both with
 * the permissions that they ship with.
 */
export function programUnderTest(): string[] {
  const binary = Deno.env.get("SIGNAL_AUTOMATION_BINARY");
  if (binary !== undefined) return [binary];
  return [Deno.execPath(), "run", "-q", "--no-prompt", "-P", `--config=${ROOT}deno.json`, `${ROOT}main.ts`];
}

export class ServiceProcess implements AsyncDisposable {
  #child: Deno.ChildProcess | undefined;
  #drained: Promise<void> = Promise.resolve();
  constructor(private readonly options: ServiceOptions) {
    for (const name of ["state", "run"]) Deno.mkdirSync(`${options.folder}/${name}`, { recursive: true, mode: 0o700 });
    this.configure({});
  }

  /** Rewrites its settings with changes; in force at the next start. */
  configure(changes: Readonly<Record<string, string>>): void {
    const { options } = this;
    const settings: Record<string, string> = {
      STATE_DIR: "./state",
      RUNTIME_DIR: "./run",
      TEMPLATES_FILE: "./templates.yaml",
      ...options.settings,
      ...changes,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}='${value.replaceAll("'", "\\'")}'`);
    Deno.writeTextFileSync(`${options.folder}/.env`, `${lines.join("\n")}\n`, { mode: 0o600 });
  }

  /** The environment that the program runs in: nothing of the tests' own. */
  environment(): Record<string, string> {
    const signalCli = this.options.signalCliFolder ?? `${ROOT}tests/fakes`;
    const kept = ["HOME", "XDG_CACHE_HOME", "DENO_DIR", "DENO_TLS_CA_STORE"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    return {
      ...Object.fromEntries(kept),
      PATH: `${signalCli}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
      LANG: "C.UTF-8",
    };
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** Its working folder. */
  get folder(): string {
    return this.options.folder;
  }

  /** False before a start, and after {@link kill} or {@link stop}. */
  get started(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it; what it writes goes to `service.log` in its folder. */
  start(...more: string[]): void {
    const [program, ...args] = programUnderTest();
    const child = new Deno.Command(program!, {
      args: [...args, "run", "--env-file", "./.env", ...more],
      cwd: this.options.folder,
      clearEnv: true,
      env: this.environment(),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    const log = Deno.openSync(`${this.options.folder}/service.log`, { append: true, create: true });
    const copy = async (from: ReadableStream<Uint8Array>) => {
      for await (const chunk of from) log.writeSync(chunk);
    };
    this.#drained = Promise.all([copy(child.stdout), copy(child.stderr)]).then(() => log.close());
  }

  /** Runs another command of the program in the same folder and environment. */
  async command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const [program, ...base] = programUnderTest();
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args: [...base, ...args],
      cwd: this.options.folder,
      clearEnv: true,
      env: this.environment(),
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** `kill -9`: the child signal-cli is left to find out by itself. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
  }

  /** SIGSTOP: it does nothing any more, its connections stay. */
  freeze(): void {
    this.signal("SIGSTOP");
  }

  thaw(): void {
    this.signal("SIGCONT");
  }

  /** Sends a signal and does not wait. */
  signal(signal: Deno.Signal): void {
    try {
      this.#child!.kill(signal);
    } catch (error) {
      // It has ended by itself: its code says how.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** SIGTERM, and waits for the end. @returns the exit code */
  async stop(): Promise<number> {
    if (this.#child === undefined) return 0;
    this.signal("SIGTERM");
    return await this.ended();
  }

  /** Waits for its end, however that comes. @returns the exit code @throws {DeadlineExceeded} */
  async ended(timeoutMs = 2 * PATIENCE_MS): Promise<number> {
    const { code } = await within(this.#child!.status, timeoutMs, "waiting for the service to end");
    await this.#drained;
    this.#child = undefined;
    return code;
  }

  /** Ends it without grace, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child === undefined) return;
    this.thaw();
    await this.kill();
  }

  /** Everything that it wrote so far, over all its starts. */
  log(): string {
    return Deno.readTextFileSync(`${this.options.folder}/service.log`);
  }

  /** Waits until `status.json` says what is asked for. @throws with the last status and the end of the log at the deadline */
  async waitForStatus(what: string, wanted: (status: Status) => boolean, timeoutMs = PATIENCE_MS): Promise<Status> {
    const path = `${this.options.folder}/run/status.json`;
    const deadlineMs = performance.now() + timeoutMs;
    let last = "";
    const look = (): Status | undefined => {
      try {
        last = Deno.readTextFileSync(path);
        const { status } = JSON.parse(last) as { status: Status };
        // What a killed process left behind says nothing of this one.
        return status.pid === this.pid && wanted(status) ? status : undefined;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
        throw error;
      }
    };
    // No notices of the file system: some send none.
    while (performance.now() < deadlineMs) {
      const status = look();
      if (status !== undefined) return status;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(
      `the service never became ${what}\nlast status: ${last}\nend of its log:\n${this.log().slice(-3000)}`,
    );
  }
}
