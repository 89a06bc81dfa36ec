/**
 * The owner edits the texts while the service runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ADMIN, OWNER_GROUP, Shop, until } from "../support/shop.ts";

Deno.test("a good edit is live, a bad one is refused and told once, the last good one outlives a restart", async () => {
  await using shop = await Shop.open({ engine: "sqlite", settings: { LEASE_SECONDS: "8" } });
  const path = `${shop.service.folder}/templates.yaml`;
  const write = (text: string) => Deno.writeTextFileSync(path, text);
  const owner = (text: string) => `templates:\n  new_order_owner:\n    format: "${text}"\n`;
  /** What the owner reads of the next order. */
  const nextOrder = async () => {
    const before = shop.signal.receivedBy(OWNER_GROUP).length;
    await shop.insertOrders(1, { tokens: false });
    await shop.signal.waitFor(() => shop.signal.receivedBy(OWNER_GROUP).length > before, "the order's message");
    return shop.signal.receivedBy(OWNER_GROUP).at(-1)!.body;
  };
  const alertsOf = (text: string) => shop.signal.receivedBy(ADMIN).filter(({ body }) => body.includes(text));

  write(owner("First: {client}"));
  await shop.start();
  assert.match(await nextOrder(), /^First: /);

  write(owner("Second: {client}"));
  await until("the edit to be taken", () => shop.written().split("The file was loaded").length === 3);
  assert.match(await nextOrder(), /^Second: /);

  write(owner("Third: {klient}"));
  await shop.service.waitForStatus("wary of its templates", ({ parts }) => parts.templates?.reason === "refused");
  assert.match(await nextOrder(), /^Second: /);
  await shop.signal.waitFor(() => alertsOf("templates.yaml was refused").length > 0, "the admin to be told");
  assert.match(alertsOf("templates.yaml was refused")[0]!.body, /klient/);

  assert.equal(await shop.service.stop(), 0);
  await shop.start();
  assert.match(await nextOrder(), /^Second: /);

  write(owner("Fourth: {client}"));
  await shop.service.waitForStatus("content with its templates", ({ parts }) => parts.templates?.state === "live");
  assert.match(await nextOrder(), /^Fourth: /);
  assert.equal(alertsOf("templates.yaml was refused").length, 1);
  assert.equal(await shop.service.stop(), 0);
});
