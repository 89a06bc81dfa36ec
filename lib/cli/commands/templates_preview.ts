/** `templates preview` @module */
import { decideOrder } from "../../automations/orders/decide.ts";
import type { Config } from "../../config/config.ts";
import { makeAci, makeSignalAccount } from "../../domain/address.ts";
import type { Affiliate, DueOrder } from "../../store/port.ts";
import { isTemplateKey, SAMPLE_VALUES, TEMPLATE_KEYS, type TemplateKey } from "../../templates/catalog.ts";
import { formatDate, formatTime, formatTotal } from "../../templates/format.ts";
import type { TemplateSet } from "../../templates/template_set.ts";
import { type CliContext, type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { needConfig } from "../settings.ts";
import { templatesInUse } from "../template_file.ts";
import { openDatabase } from "../../app/database.ts";
import { ownerGroup } from "../../app/owner_group.ts";

/** Templates that an order fills. */
const OF_ORDERS: readonly TemplateKey[] = ["new_order_owner", "new_order_affiliate"];
const SAMPLE_TOTAL = "12.50";
/** Stands for whoever has the order's token. */
const SOMEBODY: Affiliate = {
  id: 0,
  phoneNumber: undefined,
  token: SAMPLE_VALUES.token,
  createdAtMs: 0,
  isActive: true,
  identity: makeAci("00000000-0000-4000-8000-000000000000"),
};

export const templatesPreviewCommand: CommandSpec = {
  path: ["templates", "preview"],
  summary: "Show a message as it would be sent",
  details: "With sample values, or with a real order of the shop. Nothing is sent.",
  arguments: [{ name: "<key>", description: TEMPLATE_KEYS.join(", ") }],
  options: [
    { flags: "--order <id>", description: `use this order (for ${OF_ORDERS.join(", ")})` },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation templates preview new_order_owner", meaning: "with sample values" },
    { line: "signal-automation templates preview new_order_owner --order 1", meaning: "with an order of the shop" },
  ],
  async run(invocation, context) {
    const key = invocation.text("key")!;
    if (!isTemplateKey(key)) {
      throw new CliProblem(EXIT.usage, `there is no template ${key}`, {
        details: [`accepted: ${TEMPLATE_KEYS.join(", ")}`],
      });
    }
    const orderId = readOrderId(invocation.text("order"), key);
    const config = await needConfig(invocation, context);
    const { set } = await templatesInUse(config.files.templatesFile);
    let text: string;
    if (orderId === undefined) text = withSamples(set, key, config, context.clock.nowMs());
    else {
      const order = await findOrder(config, context, orderId);
      if (order === undefined) throw new CliProblem(EXIT.failed, `there is no order ${orderId}`);
      text = withOrder(set, key, config, order, context.clock.nowMs());
      for (const problem of order.problems) context.terminal.err(`warning: order ${orderId}: ${problem}\n`);
    }
    if (invocation.flag("json")) printJson(context.terminal, { key, order: orderId ?? null, text });
    else context.terminal.out(`${text}\n`);
    return EXIT.done;
  },
};

/** Whether or not it is due. @throws {StoreUnavailable} */
async function findOrder(config: Config, context: CliContext, orderId: number): Promise<DueOrder | undefined> {
  const store = openDatabase(config, { clock: context.clock, random: context.random });
  try {
    return await store.orders.find(orderId);
  } finally {
    await store.close();
  }
}

function readOrderId(text: string | undefined, key: TemplateKey): number | undefined {
  if (text === undefined) return undefined;
  if (!OF_ORDERS.includes(key)) {
    throw new CliProblem(EXIT.usage, `--order does not fit ${key}`, { details: [`accepted: ${OF_ORDERS.join(", ")}`] });
  }
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw new CliProblem(EXIT.usage, "--order: not accepted", {
      details: ["accepted: the id of an order, a whole number"],
    });
  }
  return Number(text);
}

function withSamples(set: TemplateSet, key: TemplateKey, { shop }: Config, nowMs: number): string {
  return set.render(key, {
    ...SAMPLE_VALUES,
    time: formatTime(nowMs, shop.timeZone),
    date: formatDate(nowMs, shop.timeZone),
    total: formatTotal(SAMPLE_TOTAL, shop.currency),
    link: shop.affiliateLink,
  });
}

/** Through the very decision that the service makes, so that the preview cannot differ from what is sent. */
function withOrder(
  set: TemplateSet,
  key: TemplateKey,
  config: Config,
  order: DueOrder,
  nowMs: number,
): string {
  const { messages } = decideOrder(
    { ...order, affiliateToken: SOMEBODY.token },
    SOMEBODY,
    {
      account: makeSignalAccount(config.signal.number),
      ownerGroup: ownerGroup(config),
      zone: config.shop.timeZone,
      currency: config.shop.currency,
    },
    set,
    nowMs,
  );
  const kind = key === "new_order_owner" ? "order_owner" : "order_affiliate";
  return messages.find((message) => message.kind === kind)!.body;
}
