/** `demo order` @module */
import { type CommandSpec, JSON_OUTPUT } from "../command.ts";
import { DEFAULT_FOLDER, demoFolder } from "../demo/folder.ts";
import { Shop } from "../demo/shop.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";

/** As `orders.total` is declared: DECIMAL(10,2). */
const TOTAL = /^[0-9]{1,8}(\.[0-9]{1,2})?$/;
/** As `orders.client` is declared. */
const LONGEST_CLIENT = 255;
const LONGEST_TOKEN = 12;

export const demoOrderCommand: CommandSpec = {
  path: ["demo", "order"],
  summary: "Insert an order into a demo that was started with --keep",
  options: [
    { flags: "--client <name>", description: "who buys (default: A. Customer)" },
    { flags: "--total <amount>", description: "as 12.50 (default: 12.50)" },
    { flags: "--token <token>", description: "the affiliate's token, if the customer came through a link" },
    { flags: "--folder <dir>", description: `the demo's folder (default: ${DEFAULT_FOLDER})` },
    JSON_OUTPUT,
  ],
  examples: [
    { line: 'signal-automation demo order --client "Your name" --total 12.50', meaning: "while demo --keep runs" },
  ],
  async run(invocation, { terminal }) {
    const client = invocation.text("client") ?? "A. Customer";
    const total = invocation.text("total") ?? "12.50";
    const token = invocation.text("token");
    if ([...client].length > LONGEST_CLIENT) refuse("--client", `up to ${LONGEST_CLIENT} characters`);
    if (!TOTAL.test(total)) refuse("--total", "an amount as 12.50");
    if (token !== undefined && token.length > LONGEST_TOKEN) refuse("--token", `up to ${LONGEST_TOKEN} characters`);
    const { database, path } = demoFolder(invocation.text("folder") ?? DEFAULT_FOLDER);
    try {
      await Deno.stat(database);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new CliProblem(EXIT.dependencyDown, `no demo runs in ${path}`, {
        next: "Start one in another terminal: signal-automation demo --keep",
        cause: error,
      });
    }
    using shop = new Shop(database);
    const id = shop.insert({ client, total, ipAddress: "192.0.2.1", ...(token !== undefined && { token }) });
    if (invocation.flag("json")) printJson(terminal, { id });
    else terminal.out(`Order ${id} is in the table. The demo's terminal shows who receives it.\n`);
    return EXIT.done;
  },
};

function refuse(option: string, accepted: string): never {
  throw new CliProblem(EXIT.usage, `${option}: not accepted`, { details: [`accepted: ${accepted}`] });
}
