/**
 * MariaDB and MySQL servers for tests, by `scripts/mysql-server`.
 *
 * @module
 */

export interface TestServer extends AsyncDisposable {
  readonly engine: "mariadb" | "mysql";
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `mysql://…` with the rights of an administrator. */
  readonly url: string;
  /** PEM file of the authority that signed the server's certificate, for 127.0.0.1 and localhost. */
  readonly caFile: string | undefined;
  readonly socketPath: string | undefined;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGSTOP: it answers nothing any more, connections stay. */
  freeze(): void;
  thaw(): void;
  /** After {@link kill}: goes on with its data, on the same port. */
  restart(): Promise<void>;
  /** False while it is killed or frozen. */
  alive(): boolean;
}

export interface ServerOptions {
  /** Without durability, to be quick. Default: true. */
  readonly fast?: boolean;
  /** More options for the server itself. */
  readonly args?: readonly string[];
}

const SCRIPT = new URL("../../scripts/mysql-server", import.meta.url).pathname;
const URL_VARIABLES = { mariadb: "TEST_MARIADB_URL", mysql: "TEST_MYSQL_URL" } as const;
const shared = new Map<string, Promise<TestServer>>();

/** Why there can be no server of this engine here; undefined when there can. */
export function whyNot(engine: "mariadb" | "mysql"): string | undefined {
  if (Deno.env.get(URL_VARIABLES[engine])) return undefined;
  const { success } = new Deno.Command(SCRIPT, { args: [engine, "version"], stdout: "null", stderr: "null" })
    .outputSync();
  return success ? undefined : `${engine} is not installed; scripts/mysql-server ${engine} install`;
}

/**
 * The server that all tests of this process use: the one that `TEST_MARIADB_URL` or `TEST_MYSQL_URL` names, else one that is
 * started now and ends with this process, however that ends.
 */
export function sharedServer(engine: "mariadb" | "mysql"): Promise<TestServer> {
  let server = shared.get(engine);
  if (server === undefined) {
    const given = Deno.env.get(URL_VARIABLES[engine]);
    // Files of one run share the process, not their memory: the folder's name brings them to the same server.
    const folder = `${temporary()}/signal-automation-${engine}-${Deno.pid}`;
    server = given ? Promise.resolve(elsewhere(engine, given)) : start(engine, folder, {});
    shared.set(engine, server);
  }
  return server;
}

/** A server of a test's own, to be killed or frozen. Its data are durable unless `fast`. */
export async function startServer(engine: "mariadb" | "mysql", options: ServerOptions = {}): Promise<TestServer> {
  const folder = await Deno.makeTempDir({ prefix: `server-${engine}-` });
  return await start(engine, folder, { ...options, port: ownPort() });
}

/** A free port below those that systems give to connections: it stays free while the server is dead. */
function ownPort(): number {
  const [first, count] = [21_000, 9_000];
  for (let tries = 1;; tries++) {
    const port = first + Math.floor(Math.random() * count);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || tries === 100) throw error;
    }
  }
}

async function start(
  engine: "mariadb" | "mysql",
  folder: string,
  options: ServerOptions & { readonly port?: number },
): Promise<TestServer> {
  const flags = options.fast === false ? [] : ["--fast"];
  const extra = options.args === undefined ? [] : ["--", ...options.args];
  const port = options.port === undefined ? [] : ["--port", String(options.port)];
  const line = await script(engine, "start", ...port, "--dir", folder, ...flags, ...extra);
  stopWithUs(engine, folder);
  const url = line.trim().replace(/^MYSQL_URL=/, "");
  const status = new Map(
    (await script(engine, "status", "--dir", folder)).split("\n").map((one) => {
      const at = one.indexOf("=");
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
  let pid = Number(status.get("pid"));
  let state: "running" | "frozen" | "dead" = "running";
  const caFile = [`${folder}/tls/ca.pem`, `${folder}/data/ca.pem`].find(exists);
  const server = {
    ...parts(engine, url),
    caFile,
    socketPath: status.get("socket"),
    async kill() {
      await script(engine, "stop", "--kill", "--dir", folder);
      state = "dead";
    },
    freeze() {
      Deno.kill(pid, "SIGSTOP");
      while (!isStopped(pid));
      state = "frozen";
    },
    thaw() {
      Deno.kill(pid, "SIGCONT");
      state = "running";
    },
    async restart() {
      await script(engine, "start", "--keep", "--port", String(server.port), "--dir", folder, ...flags, ...extra);
      pid = Number(/^pid=([0-9]+)$/m.exec(await script(engine, "status", "--dir", folder))?.[1]);
      state = "running";
    },
    alive: () => state === "running",
    async [Symbol.asyncDispose]() {
      if (state === "frozen") server.thaw();
      await script(engine, "stop", "--kill", "--purge", "--dir", folder);
    },
  };
  return server;
}

/** One that somebody else started and will stop. */
function elsewhere(engine: "mariadb" | "mysql", url: string): TestServer {
  const notOurs = () => {
    throw new Error("this server belongs to somebody else: use startServer()");
  };
  return {
    ...parts(engine, url),
    caFile: undefined,
    socketPath: undefined,
    kill: notOurs,
    freeze: notOurs,
    thaw: notOurs,
    restart: notOurs,
    alive: () => true,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function parts(engine: "mariadb" | "mysql", url: string) {
  const { hostname, port, username, password } = new URL(url);
  return { engine, url, host: hostname, port: Number(port), user: username, password: decodeURIComponent(password) };
}

/** A watcher outside of us, so that the server ends also when we are killed. */
function stopWithUs(engine: string, folder: string): void {
  const watch = `while kill -0 ${Deno.pid} 2>/dev/null && [ -e "$1/.mysql-server" ]; do sleep 0.5; done
    "$0" ${engine} stop --kill --purge --dir "$1"`;
  new Deno.Command("sh", {
    args: [
      "-c",
      `if mkdir "$1/watched" 2>/dev/null; then
      setsid sh -c '${watch.replaceAll("'", `'\\''`)}' "$0" "$1" </dev/null >/dev/null 2>&1 & fi`,
      SCRIPT,
      folder,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
}

async function script(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(SCRIPT, { args, stdin: "null" }).output();
  if (!success) throw new Error(`scripts/mysql-server ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A signal takes a moment to reach every thread; until then one of them may still answer. */
function isStopped(pid: number): boolean {
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    let stat: string;
    try {
      stat = Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`);
    } catch {
      return false; // this thread has ended meanwhile
    }
    if (stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "T") return false;
  }
  return true;
}

function temporary(): string {
  return (Deno.env.get("TMPDIR") ?? "/tmp").replace(/\/$/, "");
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
